//! Sends valid requests at a steady rate during an attack, and times each response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::http::{Connection, get};

/// The number of connections that share the rate. Each sends requests on schedule, without waiting for responses.
pub(crate) const CONNECTIONS: u32 = 8;

/// The size of the resource-app's token cache during an attack; valid traffic uses one token.
pub(crate) const REMEMBERED: usize = 10_000;

/// The path that valid requests read.
pub(crate) const PATH: &str = "/api/caller";

/// Valid requests that are sent until they are stopped.
#[derive(Debug)]
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Outcome>>,
}

/// The outcome of the valid requests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The times from each request's scheduled start to its response, shortest first.
    latencies: Vec<Duration>,
    pub(crate) failed: u64,
}

impl Traffic {
    /// Starts reading a path at this rate.
    pub(crate) fn start(address: SocketAddr, path: &str, token: &str, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let interval = Duration::from_secs(CONNECTIONS.into()) / rate.max(1);
        let request: Arc<[u8]> = get(path, Some(token.as_bytes())).into();
        let begin = Instant::now();
        let threads = (0..CONNECTIONS).map(|number| {
            let (stop, request) = (Arc::clone(&stop), Arc::clone(&request));
            let due = begin + interval * number / CONNECTIONS;
            std::thread::spawn(move || send(address, &request, (due, interval), &stop))
        });
        Self { threads: threads.collect(), stop }
    }

    /// Sends valid requests alone for a while, and returns their outcome.
    pub(crate) fn alone(
        address: SocketAddr,
        token: &str,
        rate: u32,
        seconds: u64,
    ) -> anyhow::Result<Outcome> {
        let traffic = Self::start(address, PATH, token, rate);
        std::thread::sleep(Duration::from_secs(seconds));
        let alone = traffic.stop()?;
        println!("valid alone      {}", alone.line());
        Ok(alone)
    }

    /// Lets the requests in flight finish, and returns the outcome of all.
    pub(crate) fn stop(self) -> anyhow::Result<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Outcome::default();
        for thread in self.threads {
            let one = thread.join().map_err(|_| anyhow!("a thread of valid requests panicked"))?;
            all.latencies.extend(one.latencies);
            all.failed += one.failed;
        }
        all.latencies.sort_unstable();
        Ok(all)
    }
}

fn send(
    address: SocketAddr,
    request: &[u8],
    (mut due, interval): (Instant, Duration),
    stop: &AtomicBool,
) -> Outcome {
    let mut connection = Connection::new(address);
    let mut outcome = Outcome::default();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        match connection.exchange(request) {
            Ok(answer) if answer.status == 200 => outcome.latencies.push(due.elapsed()),
            Ok(_) | Err(_) => outcome.failed += 1,
        }
        due += interval;
    }
    outcome
}

impl Outcome {
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// A quantile of the response times, in microseconds.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 answers")]
        let place = self.latencies.len() as f64 * part;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
        let latency = self.latencies.get(place as usize).or_else(|| self.latencies.last());
        latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }

    /// The ratio of the 99th percentile to that of valid requests alone.
    pub(crate) fn slower_than(&self, alone: &Self) -> f64 {
        self.percentile(0.99) / alone.percentile(0.99)
    }

    /// One line of figures.
    pub(crate) fn line(&self) -> String {
        let (p50, p99) = (self.percentile(0.5), self.percentile(0.99));
        format!("{} answered, {} failed, p50 {p50:.0} us, p99 {p99:.0} us", self.count(), self.failed)
    }
}
