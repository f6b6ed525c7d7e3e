//! Sends forged tokens over HTTP: the stand-in's catalogue of bad tokens, and altered bad and good tokens.

mod forge;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::http::{Connection, get};
use crate::limits::Limits;
use crate::process::pin_self;
use crate::system::{CLIENT, Place, RESOURCE, Server, System};
use crate::tokens;
use forge::Forge;

/// The number of connections.
const CONNECTIONS: u64 = 16;

/// The number of good tokens to alter.
const GOOD: usize = 64;

/// The size of the resource-app's token cache, which never holds a forged token.
const REMEMBERED: usize = 10_000;

/// The number of forged tokens that are sent before counting.
const WARM_UP: u64 = 20_000;

/// How much the server's memory may grow, in MiB: what an allocator keeps, and nothing that grows without bound.
const FLAT_MIB: f64 = 16.0;

/// The path that is called. A role guards it, since some tokens of the catalogue lack only the role.
const PATH: &str = "/api/resources";

/// The arguments of the attack.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Arguments {
    /// The number of forged tokens.
    #[arg(long, default_value_t = 1_000_000)]
    tokens: u64,
    /// When to stop, even if fewer tokens were sent.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The seed of the alterations; the same seed makes the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The responses to the forged tokens.
#[derive(Debug, Default)]
struct Counts {
    started: AtomicU64,
    accepted: AtomicU64,
    bad_request: AtomicU64,
    unauthorized: AtomicU64,
    forbidden: AtomicU64,
    too_large: AtomicU64,
    other: AtomicU64,
    unavailable: AtomicU64,
    server_error: AtomicU64,
    no_answer: AtomicU64,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<Limits> {
    let system = System::start(place)?;
    let good = tokens::mint(system.admin, GOOD)?;
    let catalogue = catalogue(system.admin)?;
    println!("catalogue        {} bad tokens, and {} good ones to alter", catalogue.len(), good.len());
    pin_self(&place.load_core)?;
    let server = system.resource_app(REMEMBERED, true)?;
    prove_good(&server, &good)?;
    let forge = Forge::new(good.clone(), catalogue);
    // One-time allocations of the first requests do not count.
    let warm_up = Counts::default();
    send(&server, &forge, &warm_up, &Arguments { tokens: WARM_UP, seed: !arguments.seed, ..*arguments })?;
    let before = server.process.resident_mib()?;

    let (counts, begin) = (Counts::default(), Instant::now());
    let highest = send(&server, &forge, &counts, arguments)?;
    let seconds = begin.elapsed().as_secs_f64();
    counts.print(seconds);
    let after = server.process.resident_mib()?;
    println!("memory           {before:.1} MiB before, {highest:.1} at most, {after:.1} after");
    // Tokens that were verified before the attack, and as many that the server has never seen.
    let good_again =
        prove_good(&server, &good).and_then(|()| prove_good(&server, &tokens::mint(system.admin, GOOD)?));
    if let Err(error) = &good_again {
        println!("good tokens      {error:#}");
    }
    // The log is read through a pipe; its last lines may not have arrived.
    std::thread::sleep(Duration::from_millis(500));
    let log = server.log.lines();
    println!("log              {} lines, {} errors\n", log.count, log.errors);

    let mut limits = judge(&counts, arguments);
    limits.at_most_count("accepted while warming up", warm_up.accepted.load(Ordering::Relaxed), 0);
    limits.at_most_count("panics", log.panics, 0);
    limits.at_most("memory beyond that before, MiB", highest.max(after) - before, FLAT_MIB);
    limits.holds("good tokens are accepted after it", good_again.is_ok());
    Ok(limits)
}

fn judge(counts: &Counts, arguments: &Arguments) -> Limits {
    let mut limits = Limits::default();
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    limits.at_most_count(
        "forged tokens that were not sent",
        arguments.tokens.saturating_sub(counts.total()),
        0,
    );
    limits.at_most_count("forged tokens that were accepted", of(&counts.accepted), 0);
    // Only tokens with unknown keys get this, once the budget of fetches is spent.
    limits.at_most_count("answers of 503, to half of all", of(&counts.unavailable), counts.total() / 2);
    limits.at_most_count("answers of another 5xx", of(&counts.server_error), 0);
    limits.at_most_count("requests without an answer", of(&counts.no_answer), 0);
    limits
}

/// The bad tokens of the stand-in's catalogue, with their names.
fn catalogue(admin: SocketAddr) -> anyhow::Result<Vec<Vec<u8>>> {
    let path = format!("/bad-tokens?client_id={CLIENT}&resource={RESOURCE}");
    let mut connection = Connection::new(admin);
    let answer: Value = serde_json::from_slice(connection.get(&path, None)?.body)?;
    let rows = answer.get("tokens").and_then(Value::as_array).context("the stand-in has no catalogue")?;
    let token = |row: &Value| Some(row.get("token")?.as_str()?.as_bytes().to_vec());
    rows.iter().map(|row| token(row).context("a row without a token")).collect()
}

/// Asserts that good tokens are accepted, since an API that accepts nothing would pass every attack.
fn prove_good(server: &Server, good: &[String]) -> anyhow::Result<()> {
    let mut connection = server.connection();
    for token in good {
        let status = connection.get(PATH, Some(token))?.status;
        if status != 200 {
            bail!("a good token was answered {status}");
        }
    }
    Ok(())
}

/// Sends forged tokens until all are sent or the time is up, and returns the server's peak memory.
fn send(server: &Server, forge: &Forge, counts: &Counts, arguments: &Arguments) -> anyhow::Result<f64> {
    let (begin, address) = (Instant::now(), server.address);
    let end = begin + Duration::from_mins(arguments.minutes);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(move || {
                    let mut connection = Connection::new(address);
                    while Instant::now() < end {
                        let number = counts.started.fetch_add(1, Ordering::Relaxed);
                        if number >= arguments.tokens {
                            break;
                        }
                        let token = forge.token(arguments.seed, number);
                        counts.count(
                            connection.exchange(&get(PATH, Some(&token))).map(|answer| answer.status).ok(),
                        );
                    }
                })
            })
            .collect();
        let mut highest: f64 = 0.0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(200));
            highest = highest.max(server.process.resident_mib()?);
            let accepted = counts.accepted.load(Ordering::Relaxed);
            eprint!(
                "\r{} of {} sent, {accepted} accepted, {highest:.1} MiB ",
                counts.total(),
                arguments.tokens
            );
        }
        eprintln!();
        Ok(highest)
    })
}

impl Counts {
    fn count(&self, status: Option<u16>) {
        let counter = match status {
            Some(200..=399) => &self.accepted,
            Some(400) => &self.bad_request,
            Some(401) => &self.unauthorized,
            Some(403) => &self.forbidden,
            Some(413 | 431) => &self.too_large,
            // For unknown keys, once the budget of fetches is spent.
            Some(503) => &self.unavailable,
            Some(500..) => &self.server_error,
            Some(_) => &self.other,
            None => &self.no_answer,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn rows(&self) -> [(&'static str, u64); 9] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("accepted", of(&self.accepted)),
            ("400", of(&self.bad_request)),
            ("401", of(&self.unauthorized)),
            ("403", of(&self.forbidden)),
            ("413 or 431", of(&self.too_large)),
            ("503", of(&self.unavailable)),
            ("other 5xx", of(&self.server_error)),
            ("other statuses", of(&self.other)),
            ("no answer", of(&self.no_answer)),
        ]
    }

    fn total(&self) -> u64 {
        self.rows().iter().map(|(_, count)| count).sum()
    }

    fn print(&self, seconds: f64) {
        #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 tokens")]
        let rate = self.total() as f64 / seconds;
        println!("forged           {} in {seconds:.0} s, {rate:.0} a second", self.total());
        for (name, count) in self.rows() {
            println!("  {name:18} {count:>9}");
        }
    }
}
