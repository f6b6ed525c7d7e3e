//! Mints tokens at the stand-in, and makes invalid ones from them.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::http::Connection;
use crate::system::{CLIENT, RESOURCE};

/// The connections to the stand-in for minting; signing keeps both cores busy.
const MINTS: usize = 4;

/// Mints so many distinct good tokens.
pub(crate) fn mint(admin: SocketAddr, count: usize) -> anyhow::Result<Vec<String>> {
    mint_with(admin, count, &json!({}))
}

/// Like the above, with these claims changed.
pub(crate) fn mint_with(admin: SocketAddr, count: usize, claims: &Value) -> anyhow::Result<Vec<String>> {
    let share = |number: usize| count / MINTS + usize::from(number < count % MINTS);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..MINTS).map(|number| scope.spawn(move || mint_some(admin, share(number), claims))).collect();
        let mut tokens = Vec::with_capacity(count);
        for thread in threads {
            let Ok(some) = thread.join() else { bail!("a thread that mints panicked") };
            tokens.extend(some?);
        }
        Ok(tokens)
    })
}

fn mint_some(admin: SocketAddr, count: usize, claims: &Value) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::new(admin);
    let resource = format!("api://{RESOURCE}");
    let body = json!({ "client_id": CLIENT, "resource": resource, "claims": claims }).to_string();
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let answer = connection.post("/tokens", None, &body)?;
        let answer: Value = serde_json::from_slice(answer.body)?;
        let token =
            answer.get("access_token").and_then(Value::as_str).context("the stand-in mints no token")?;
        tokens.push(token.to_owned());
    }
    Ok(tokens)
}

/// A good token's claims without their last byte: valid base64url, but no JSON.
pub(crate) fn malformed(good: &str) -> anyhow::Result<String> {
    let [header, payload, signature] = parts(good)?;
    let mut claims = BASE64_URL_SAFE_NO_PAD.decode(payload)?;
    claims.pop();
    Ok(format!("{header}.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(claims)))
}

/// A good token with an unknown key id.
pub(crate) fn unknown_key(good: &str, number: usize) -> anyhow::Result<String> {
    with_header(good, |header| {
        header["kid"] = json!(format!("unknown-{number:019}"));
    })
}

/// A good token without a signature, which says so.
pub(crate) fn unsigned(good: &str) -> anyhow::Result<String> {
    let token = with_header(good, |header| header["alg"] = json!("none"))?;
    let [header, payload, _] = parts(&token)?;
    Ok(format!("{header}.{payload}."))
}

/// A good token with one bit of its signature changed.
pub(crate) fn badly_signed(good: &str) -> anyhow::Result<String> {
    let [header, payload, signature] = parts(good)?;
    let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
    if let Some(byte) = signature.get_mut(100) {
        *byte ^= 1;
    }
    Ok(format!("{header}.{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// Writes tokens to a file, one a line.
pub(crate) fn write(folder: &Path, name: &str, tokens: &[String]) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for token in tokens {
        writeln!(file, "{token}")?;
    }
    file.flush()?;
    Ok(path)
}

fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<String> {
    let [header, payload, signature] = parts(token)?;
    let mut header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header)?)?;
    change(&mut header);
    Ok(format!("{}.{payload}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string())))
}

/// Header, payload and signature, as they are written.
pub(crate) fn parts(token: &str) -> anyhow::Result<[&str; 3]> {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().ok().context("a token has three parts")
}
