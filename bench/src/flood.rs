//! A flood of tokens that name unknown keys, otherwise good, at a rate that does not wait for answers.

mod stream;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::http::{Connection, get};
use crate::process::pin_self;
use crate::system::{Place, System};
use crate::tokens;
use crate::valid::{PATH, REMEMBERED, Traffic};
use stream::Answers;

/// How the flood is sent.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Requests a second with an unknown key.
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Valid requests a second beside them.
    #[arg(long, default_value_t = 200)]
    valid_rate: u32,
    /// How long the flood lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long the valid requests are sent alone before it.
    #[arg(long, default_value_t = 20)]
    alone_seconds: u64,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::start(place)?;
    let good = tokens::mint(system.admin, 1)?;
    let good = good.first().context("no token")?;
    pin_self(&place.load_core)?;
    let server = system.resource_app(REMEMBERED, false)?;

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
    println!("p99 during/alone {:.2} (limit 2)", during.percentile(0.99) / alone.percentile(0.99));
    println!(
        "flood            {} in {lasted:.1} s; {} a second asked for",
        line(&answered, lasted),
        arguments.rate
    );
    println!("key fetches      {} (limit 2)", system.key_fetches()? - fetches);
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
    Ok(())
}

/// Sends the flood: good claims under headers that each name another key.
fn flood(address: SocketAddr, good: &str, arguments: &Arguments) -> anyhow::Result<Answers> {
    let [_, payload, signature] = tokens::parts(good)?;
    let mut number = 0_u64;
    let next = move || {
        number += 1;
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"unknown-{number:019}"}}"#);
        let token = format!("{}.{payload}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(header));
        get(PATH, Some(token.as_bytes()))
    };
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    Ok(stream::send(address, arguments.rate, end, next)?)
}

fn line(answers: &Answers, seconds: f64) -> String {
    let Answers { sent, unauthorized, unavailable, other, closed } = answers;
    #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 requests")]
    let rate = *sent as f64 / seconds;
    format!(
        "{rate:.0} sent a second; 401 {unauthorized}, 503 {unavailable}, other {other}, connections closed {closed}"
    )
}
