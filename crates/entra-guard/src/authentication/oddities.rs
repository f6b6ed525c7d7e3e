//! Unusual tokens that other validators accept, or that crash them. Each is signed with the right key, so that only the
//! unusual part can cause a refusal.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::test_token::{AUDIENCE, CLIENT, HEADER, NOW, TestKey, authenticator, claims, claims_v1, segment};
use super::{AuthenticationError, Authenticator};

fn key() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(TestKey::new)
}

fn api() -> Authenticator {
    authenticator(&json!({ "keys": [key().jwk("K1")] }))
}

/// Returns the reason code of a request with this token.
async fn outcome(api: &Authenticator, token: &str) -> &'static str {
    let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).unwrap();
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    api.authenticate_at(&headers, None, NOW).await.map_or_else(AuthenticationError::code, |_| "accepted")
}

fn sign(header: &str, payload: &str) -> String {
    key().sign_segments(&segment(header.as_bytes()), &segment(payload.as_bytes()), Algorithm::RS256)
}

fn with(changes: &Value) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims.to_string()
}

/// Returns the payload of a good token in which this JSON is the value of a claim.
fn with_text(claim: &str, text: &str) -> String {
    let mut changed = claims();
    changed[claim] = json!("PLACE");
    changed.to_string().replace("\"PLACE\"", text)
}

#[tokio::test]
async fn valid_json_in_any_spelling_is_accepted() {
    let api = api();
    let spaced = claims().to_string().replace(',', " ,\r\n\t").replacen('{', " { ", 1);
    let escaped =
        claims().to_string().replace("\"aud\"", r#""\u0061ud""#).replace("Resource", r"\u0052esource");
    for payload in
        [claims().to_string(), spaced, escaped, with(&json!({ "Roles": ["*"], "act": { "sub": "x" } }))]
    {
        assert_eq!(outcome(&api, &sign(HEADER, &payload)).await, "accepted", "{payload}");
    }
    for header in [
        r#"{"typ":"JWT","alg":"RS256","x5t":"K1","kid":"K1"}"#,
        r#"{"alg":"RS256","kid":"K1"}"#,
        r#"{"typ":"at+jwt","alg":"RS256","kid":"K1","nonce":"x"}"#,
    ] {
        assert_eq!(outcome(&api, &sign(header, &claims_v1().to_string())).await, "accepted", "{header}");
    }
}

#[tokio::test]
async fn ignored_claims_may_be_of_any_type() {
    let api = api();
    let v1_alone = json!({ "appid": { "x": [CLIENT] }, "appidacr": ["2"] });
    let opaque =
        json!({ "aio": ["x"], "rh": { "x": 1 }, "xms_ftd": 7, "idp": {}, "acct": null, "groups": 1 });
    for changes in [v1_alone, opaque.clone()] {
        assert_eq!(outcome(&api, &sign(HEADER, &with(&changes))).await, "accepted", "{changes}");
    }
    let mut claims = claims_v1();
    claims["azp"] = json!(18_446_744_073_709_551_615_u64);
    claims["azpacr"] = json!({});
    claims.as_object_mut().unwrap().extend(opaque.as_object().unwrap().clone());
    assert_eq!(outcome(&api, &sign(HEADER, &claims.to_string())).await, "accepted");
    // JSON they are all the same.
    for text in [r#""\ud800""#, "1e400", r#"{"x":[1,]}"#, r#"{"x":"\ud800"}"#] {
        for claim in ["aio", "appid"] {
            let code = outcome(&api, &sign(HEADER, &with_text(claim, text))).await;
            assert_eq!(code, "token_malformed", "{claim} {text}");
        }
    }
}

#[tokio::test]
async fn nothing_but_a_token_in_compact_form_is_read() {
    let api = api();
    let good = sign(HEADER, &claims().to_string());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    // A token, but none of these is in the form of one.
    let flattened = json!({ "protected": header, "payload": payload, "signature": signature }).to_string();
    for credential in [flattened.as_str(), "a%20b", "a\\b", "a,b", "\u{e9}.a.b"] {
        assert_eq!(outcome(&api, credential).await, "credential_syntax", "{credential}");
    }
    for token in
        ["null", "undefined", "Bearer", CLIENT, &"x".repeat(2_000), &format!("{good}="), &format!("{good}==")]
    {
        assert_eq!(outcome(&api, token).await, "token_malformed", "{token}");
    }
    let dots = ".".repeat(8 * 1024);
    assert_eq!(outcome(&api, &dots).await, "token_malformed");
    assert_eq!(outcome(&api, &dots.repeat(50)).await, "token_too_large");
}

/// Tries every last character of a segment that decodes to the same bytes, but with extra bits.
#[tokio::test]
async fn each_segment_has_one_spelling() {
    let api = api();
    // For each length modulo 3, since only two of them leave bits over.
    for padding in ["", "x", "xx"] {
        let header = segment(HEADER.replace("JWT\"", &format!("JWT\",\"x\":\"{padding}\"")).as_bytes());
        let payload = segment(with(&json!({ "x": padding })).as_bytes());
        for (header, payload) in
            [(spellings(&header), vec![payload.clone()]), (vec![header.clone()], spellings(&payload))]
        {
            for (header, payload) in header.iter().flat_map(|h| payload.iter().map(move |p| (h, p))) {
                let token = key().sign_segments(header, payload, Algorithm::RS256);
                // Padding within a credential is a syntax error.
                let code = outcome(&api, &token).await;
                let expected = if token.contains('=') { "credential_syntax" } else { "token_malformed" };
                assert_eq!(code, expected, "{header} {payload}");
            }
        }
        let good = key().sign_segments(&header, &payload, Algorithm::RS256);
        let (message, signature) = good.rsplit_once('.').unwrap();
        for signature in spellings(signature) {
            assert_eq!(
                outcome(&api, &format!("{message}.{signature}")).await,
                "token_malformed",
                "{signature}"
            );
        }
    }
}

/// Returns other encodings of a segment, which lenient decoders accept for the same bytes.
fn spellings(segment: &str) -> Vec<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut spellings = vec![format!("{segment}="), format!("{segment}==")];
    let unused = match segment.len() % 4 {
        2 => 16,
        3 => 4,
        _ => return spellings,
    };
    let (last, rest) = segment.as_bytes().split_last().unwrap();
    let place = ALPHABET.iter().position(|character| character == last).unwrap();
    let same = (place..place + unused).skip(1).map(|place| [rest, &[ALPHABET[place]]].concat());
    spellings.extend(same.map(|bytes| String::from_utf8(bytes).unwrap()));
    spellings
}

#[tokio::test]
async fn other_algorithms_are_refused_though_the_right_key_signed() {
    let api = api();
    for algorithm in
        [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]
    {
        let name = format!("{algorithm:?}");
        let payload = segment(claims().to_string().as_bytes());
        let token =
            key().sign_segments(&segment(HEADER.replace("RS256", &name).as_bytes()), &payload, algorithm);
        assert_eq!(outcome(&api, &token).await, "algorithm_not_allowed", "{name}");
        // Another algorithm's signature under the name of the right one.
        let token = key().sign_segments(&segment(HEADER.as_bytes()), &payload, algorithm);
        assert_eq!(outcome(&api, &token).await, "signature_invalid", "{name}");
    }
    let good = sign(HEADER, &claims().to_string());
    let (message, original) = good.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "rs256",
        "RS-256",
        "RS257",
        "RSA1_5",
        &"A".repeat(9_000),
    ] {
        let header = segment(HEADER.replace("RS256", alg).as_bytes());
        for signature in [original, "AA"] {
            let code = outcome(&api, &format!("{header}.{payload}.{signature}")).await;
            assert_eq!(code, "algorithm_not_allowed", "{alg}");
        }
        assert_eq!(outcome(&api, &format!("{header}.{payload}.")).await, "token_malformed", "{alg}");
    }
}

/// A public key is no secret, so a validator that accepts it as an HMAC key accepts every forgery.
#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let api = api();
    let jwk = key().jwk("K1");
    let modulus = jwk["n"].as_str().unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{modulus}\n-----END PUBLIC KEY-----");
    for secret in ["", "secret", modulus, &jwk.to_string(), &pem, &format!("{pem}\n")] {
        for (name, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            for header in [HEADER.to_owned(), HEADER.replace("RS256", name)] {
                let message =
                    [segment(header.as_bytes()), segment(claims().to_string().as_bytes())].join(".");
                // jsonwebtoken refuses an empty secret.
                let secret = hmac::Key::new(algorithm, secret.as_bytes());
                let signature = segment(hmac::sign(&secret, message.as_bytes()).as_ref());
                let code = outcome(&api, &format!("{message}.{signature}")).await;
                assert!(["algorithm_not_allowed", "signature_invalid"].contains(&code), "{header}: {code}");
            }
        }
    }
}

#[tokio::test]
async fn numbers_at_the_edge_are_refused_and_nothing_panics() {
    let api = api();
    let digits = "9".repeat(400);
    for (text, malformed) in [
        ("1e400", true),
        ("-1e400", true),
        ("1e-400", false),
        ("1.5", false),
        ("1754483600.0", false),
        ("18446744073709551616", false),
        ("9223372036854775808", false),
        (digits.as_str(), true),
        ("\"9999999999\"", false),
    ] {
        for claim in ["exp", "nbf", "iat"] {
            let code = outcome(&api, &sign(HEADER, &with_text(claim, text))).await;
            assert_eq!(
                code,
                if malformed { "token_malformed" } else { "claims_malformed" },
                "{claim} {text}"
            );
        }
        // In an ignored claim, any valid number is accepted.
        let code = outcome(&api, &sign(HEADER, &with_text("xms_new", text))).await;
        assert_eq!(code, if malformed { "token_malformed" } else { "accepted" }, "{text}");
    }
    for (exp, code) in [
        ("-1", "token_expired"),
        ("0", "token_expired"),
        ("-0", "claims_malformed"),
        ("253402300800", "lifetime_not_plausible"),
        ("9223372036854775807", "lifetime_not_plausible"),
        ("-9223372036854775808", "token_expired"),
    ] {
        assert_eq!(outcome(&api, &sign(HEADER, &with_text("exp", exp))).await, code, "{exp}");
    }
}

#[tokio::test]
async fn other_texts_than_utf_8_are_refused() {
    let api = api();
    let header = segment(HEADER.as_bytes());
    let little: Vec<u8> = claims().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = claims().to_string().encode_utf16().flat_map(u16::to_be_bytes).collect();
    let invalid = [b"{\"x\":\"\xff\",".as_slice(), &claims().to_string().as_bytes()[1..]].concat();
    let overlong = [b"{\"x\":\"\xc0\xaf\",".as_slice(), &claims().to_string().as_bytes()[1..]].concat();
    for payload in [little, big, invalid, overlong] {
        let token = key().sign_segments(&header, &segment(&payload), Algorithm::RS256);
        assert_eq!(outcome(&api, &token).await, "token_malformed");
    }
    for text in [r#""\ud800""#, r#""\udc00x""#, r#"{"a":"\ud800"}"#, r#"{"\ud800":1}"#] {
        assert_eq!(outcome(&api, &sign(HEADER, &with_text("x", text))).await, "token_malformed", "{text}");
    }
}

#[tokio::test]
async fn another_kind_of_token_of_the_same_issuer_is_refused() {
    let api = api();
    let id_token =
        json!({ "aud": CLIENT, "nonce": "x", "preferred_username": "x@contoso.com", "idtyp": null });
    let assertion = json!({ "iss": CLIENT, "sub": CLIENT, "jti": "x", "aud": "https://login.example/token" });
    let other_version = json!({ "ver": "1.0" });
    let cases =
        [(id_token, "audience_mismatch"), (assertion, "issuer_mismatch"), (other_version, "issuer_mismatch")];
    for (changes, code) in cases {
        assert_eq!(outcome(&api, &sign(HEADER, &with(&changes))).await, code, "{changes}");
    }
    for ver in ["2", "\"2.0 \"", "\"3.0\"", "\"2\"", "null", "[\"2.0\"]"] {
        assert_eq!(outcome(&api, &sign(HEADER, &with_text("ver", ver))).await, "claims_malformed", "{ver}");
    }
    for audience in [format!("[\"{AUDIENCE}\"]"), "[]".into(), "7".into(), "{}".into(), "null".into()] {
        let code = outcome(&api, &sign(HEADER, &with_text("aud", &audience))).await;
        assert_eq!(code, "claims_malformed", "{audience}");
    }
}

#[tokio::test]
async fn large_tokens_are_read_up_to_the_limit() {
    let api = api();
    let mut roles: Vec<String> = (0..200).map(|number| format!("Resource.Read.Number{number:010}")).collect();
    roles.push("Resource.Read".into());
    let token = sign(HEADER, &with(&json!({ "roles": roles })));
    assert!((8_000..16_384).contains(&token.len()), "{}", token.len());
    assert_eq!(outcome(&api, &token).await, "accepted");
    roles.extend((0..200).map(|number| format!("Resource.Read.More{number:010}")));
    assert_eq!(outcome(&api, &sign(HEADER, &with(&json!({ "roles": roles })))).await, "token_too_large");
}
