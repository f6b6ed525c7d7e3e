//! A flood of tokens that name unknown keys, otherwise good, at a rate that does not wait for answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::http::{Connection, get};
use crate::process::pin_self;
use crate::system::{Place, System};
use crate::tokens;
use crate::valid::Traffic;

/// Connections that share the rate.
const CONNECTIONS: u32 = 64;

/// How many verified tokens the resource-app may remember; its own traffic has one.
const REMEMBERED: usize = 10_000;

const PATH: &str = "/api/caller";

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

/// What became of the flood.
#[derive(Debug, Default)]
struct Answered {
    unauthorized: AtomicU64,
    unavailable: AtomicU64,
    other: AtomicU64,
    broken: AtomicU64,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::start(place)?;
    let good = tokens::mint(system.admin, 1)?;
    let good = good.first().context("no token")?;
    pin_self(&place.load_core)?;
    let server = system.resource_app(REMEMBERED, false)?;

    let traffic = Traffic::start(server.address, PATH, good, arguments.valid_rate);
    std::thread::sleep(Duration::from_secs(arguments.alone_seconds));
    let alone = traffic.stop()?;
    println!("valid alone      {}", alone.line());

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
        "flood            {} in {lasted:.1} s of {} offered a second",
        answered.line(lasted),
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

fn flood(address: SocketAddr, good: &str, arguments: &Arguments) -> anyhow::Result<Answered> {
    let answered = Answered::default();
    let number = AtomicU64::new(0);
    let interval = Duration::from_secs(CONNECTIONS.into()) / arguments.rate.max(1);
    let begin = Instant::now();
    let end = begin + Duration::from_secs(arguments.seconds);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|thread| {
                let (answered, number) = (&answered, &number);
                scope.spawn(move || {
                    let mut connection = Connection::new(address);
                    let mut due = begin + interval * thread / CONNECTIONS;
                    while due < end {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        if Instant::now() >= end {
                            break;
                        }
                        let token = tokens::unknown_key(
                            good,
                            usize::try_from(number.fetch_add(1, Ordering::Relaxed))?,
                        )?;
                        answered.count(
                            connection
                                .exchange(&get(PATH, Some(token.as_bytes())))
                                .map(|answer| answer.status),
                        );
                        due += interval;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    Ok(answered)
}

impl Answered {
    fn count(&self, status: std::io::Result<u16>) {
        let counter = match status {
            Ok(401) => &self.unauthorized,
            Ok(503) => &self.unavailable,
            Ok(_) => &self.other,
            Err(_) => &self.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn line(&self, seconds: f64) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (unauthorized, unavailable, other, broken) =
            (of(&self.unauthorized), of(&self.unavailable), of(&self.other), of(&self.broken));
        let total = unauthorized + unavailable + other + broken;
        #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 answers")]
        let rate = total as f64 / seconds;
        format!(
            "{rate:.0} a second: 401 {unauthorized}, 503 {unavailable}, other {other}, no answer {broken};"
        )
    }
}
