//! Floods the resource-app with tokens that are good but for an unknown key or an invalid signature, without waiting for
//! responses.

mod stream;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::http::{Connection, get};
use crate::limits::Limits;
use crate::process::pin_self;
use crate::sequence::Sequence;
use crate::system::{Place, System};
use crate::tokens;
use crate::valid::{Outcome, PATH, REMEMBERED, Traffic};
use stream::Answers;

/// The arguments of the flood.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is wrong with the tokens.
    #[arg(long, value_enum, default_value_t = Kind::UnknownKey)]
    kind: Kind,
    /// Requests per second with such a token.
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Valid requests per second at the same time.
    #[arg(long, default_value_t = 200)]
    valid_rate: u32,
    /// How long the flood lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long valid requests are sent alone before the flood.
    #[arg(long, default_value_t = 20)]
    alone_seconds: u64,
}

/// What is wrong with the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Each names another unknown key: cheap to refuse, unless each causes a fetch.
    UnknownKey,
    /// Each names the right key and has a random signature, which must be verified.
    BadSignature,
}

/// How many times higher the 99th percentile of valid requests may be during the flood.
const SLOWER: f64 = 2.0;

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<Limits> {
    let system = System::start(place)?;
    let good = tokens::mint(system.admin, 1)?;
    let good = good.first().context("no token")?;
    pin_self(&place.load_core)?;
    let server = system.resource_app(REMEMBERED, true)?;

    let alone = Traffic::alone(server.address, good, arguments.valid_rate, arguments.alone_seconds)?;

    let fetches = system.key_fetches()?;
    let (memory, cpu) = (server.process.resident_mib()?, server.process.cpu()?);
    let traffic = Traffic::start(server.address, PATH, good, arguments.valid_rate);
    let begin = Instant::now();
    let answered = flood(server.address, good, arguments)?;
    let lasted = begin.elapsed().as_secs_f64();
    let during = traffic.stop()?;
    let cpu = server.process.cpu()?.saturating_sub(cpu).as_secs_f64();

    println!("valid during     {}", during.line());
    println!(
        "flood            {} in {lasted:.1} s; {} a second asked for",
        line(&answered, lasted),
        arguments.rate
    );
    println!(
        "server           {:.0} % of its core, {memory:.1} MiB before, {:.1} after",
        100.0 * cpu / lasted,
        server.process.resident_mib()?
    );
    if let Some(metrics) = server.metrics {
        let text = String::from_utf8_lossy(Connection::new(metrics).get("/metrics", None)?.body).into_owned();
        for row in text.lines().filter(|row| row.starts_with("signing_key_fetches_total")) {
            println!("                 {row}");
        }
    }
    println!();
    let fetches = system.key_fetches()? - fetches;
    Ok(judge(arguments, (&alone, &during), (&answered, fetches), server.log.lines().panics))
}

fn judge(
    arguments: &Arguments,
    (alone, during): (&Outcome, &Outcome),
    (answered, fetches): (&Answers, u64),
    panics: u64,
) -> Limits {
    let mut limits = Limits::default();
    limits.at_most_count("answers to the flood but 401 and 503", answered.other, 0);
    limits.at_most_count("valid requests that failed", alone.failed + during.failed, 0);
    limits.at_least("valid requests that were answered", count(during.count()), 1.0);
    limits.at_most_count("key fetches", fetches, arguments.kind.fetches(arguments.seconds));
    // Verification takes half of the core at this rate, and valid requests have to wait for it.
    let slower = during.slower_than(alone);
    match arguments.kind {
        Kind::UnknownKey => limits.at_most("p99 of valid requests, of that alone", slower, SLOWER),
        Kind::BadSignature => println!("{:58} {slower:>10.2}", "p99 of valid requests, of that alone"),
    }
    limits.at_most_count("panics", panics, 0);
    limits
}

impl Kind {
    /// The most key fetches of a flood of so many seconds: two in reserve and one more each 30 s, none for a known key.
    fn fetches(self, seconds: u64) -> u64 {
        match self {
            Self::UnknownKey => 2 + seconds / 30,
            Self::BadSignature => 0,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are never 2^52 requests")]
fn count(count: usize) -> f64 {
    count as f64
}

/// Sends tokens with good claims, each with another header or another signature.
fn flood(address: SocketAddr, good: &str, arguments: &Arguments) -> anyhow::Result<Answers> {
    let [header, payload, signature] = tokens::parts(good)?;
    let (kind, mut number) = (arguments.kind, 0_u64);
    let next = move || {
        number += 1;
        let token = match kind {
            Kind::UnknownKey => {
                let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"unknown-{number:019}"}}"#);
                format!("{}.{payload}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(header))
            }
            Kind::BadSignature => format!("{header}.{payload}.{}", random_signature(number)),
        };
        get(PATH, Some(token.as_bytes()))
    };
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    Ok(stream::send(address, arguments.rate, end, next)?)
}

/// Random bytes as long as a signature by an RSA key of 2048 bits, and less than any such modulus.
fn random_signature(number: u64) -> String {
    let mut sequence = Sequence(number);
    let mut bytes: Vec<u8> = (0..32).flat_map(|_| sequence.next().to_be_bytes()).collect();
    if let Some(first) = bytes.first_mut() {
        *first &= 0x7f;
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn line(answers: &Answers, seconds: f64) -> String {
    let Answers { sent, unauthorized, unavailable, other, closed } = answers;
    #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 requests")]
    let rate = *sent as f64 / seconds;
    format!(
        "{rate:.0} sent a second; 401 {unauthorized}, 503 {unavailable}, other {other}, connections closed {closed}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn random_signatures_have_the_length_of_one_and_differ() {
        let signatures: HashSet<String> = (0..1000).map(random_signature).collect();
        assert_eq!(signatures.len(), 1000);
        assert!(signatures.iter().all(|signature| signature.len() == 342));
    }
}
