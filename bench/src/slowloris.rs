//! Slow peers: how long they keep connections open, and whether they delay the server's end.

mod in_flight;
mod slow;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::limits::Limits;
use crate::process::pin_self;
use crate::system::{DRAIN, Place, Server, System};
use crate::tokens;
use crate::valid::{Outcome, PATH, REMEMBERED, Traffic};
use in_flight::InFlight;
use slow::{Kind, Slow};

/// How long the server may take to close all slow connections.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often the connections are checked.
const LOOK: Duration = Duration::from_millis(20);

/// How long the server may exceed its drain limit, in seconds: to notice it, and to close the database.
const TO_CLOSE: f64 = 0.5;

/// How long requests in flight pause after the server's end began.
const MEANWHILE: Duration = Duration::from_millis(500);

/// The arguments of the slow peers.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Connections of each kind; at most 32 of those that do not read.
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Good requests in flight when the server gets a signal to end.
    #[arg(long, default_value_t = 200)]
    in_flight: usize,
    /// Valid requests per second at the same time.
    #[arg(long, default_value_t = 200)]
    valid_rate: u32,
    /// How long valid requests are sent alone beforehand.
    #[arg(long, default_value_t = 15)]
    alone_seconds: u64,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<Limits> {
    let system = System::start(place)?;
    let good = tokens::mint(system.admin, 1)?;
    let good = good.first().context("no token")?;
    pin_self(&place.load_core)?;
    let mut server = system.resource_app(REMEMBERED, true)?;
    let mut limits = Limits::default();

    let alone = Traffic::alone(server.address, good, arguments.valid_rate, arguments.alone_seconds)?;
    limits.at_most_count("valid requests alone that failed", alone.failed, 0);
    for kind in Kind::ALL {
        hold(kind, &server, good, (arguments, &alone), &mut limits)?;
    }
    end(&mut server, good, arguments, &mut limits)?;
    limits.at_most_count("panics", server.log.lines().panics, 0);
    Ok(limits)
}

/// Opens connections of one kind during valid requests, and waits until the server has closed them.
fn hold(
    kind: Kind,
    server: &Server,
    good: &str,
    (arguments, alone): (&Arguments, &Outcome),
    limits: &mut Limits,
) -> anyhow::Result<()> {
    let (memory, files) = (server.process.resident_mib()?, server.process.open_files()?);
    let traffic = Traffic::start(server.address, PATH, good, arguments.valid_rate);
    let begin = Instant::now();
    let slow = kind.open(server.address, good, arguments.connections)?;
    let (count, opened) = (slow.len(), begin.elapsed());
    let holding = server.process.resident_mib()?;
    // The connections of valid requests are open too.
    let most_files = files + usize::try_from(crate::valid::CONNECTIONS)?;
    let longest = match kind {
        Kind::NotReading => wait_until_released(server, most_files, files + count)?,
        _ => wait_until_closed(slow)?,
    };
    let during = traffic.stop()?;
    println!("\n{}: {count} opened in {:.2} s", kind.name(), opened.as_secs_f64());
    println!("valid during     {}", during.line());
    println!("p99 during/alone {:.2}", during.slower_than(alone));
    println!("memory           {memory:.1} MiB before, {holding:.1} holding them");
    let what = |what: &str| format!("{}: {what}", kind.name());
    limits.at_most(&what("the last closed after, s"), longest.as_secs_f64(), kind.limit());
    limits.at_most_count(&what("valid requests that failed"), during.failed, 0);
    Ok(())
}

/// The lifetime of the connection that the server closed last.
fn wait_until_closed(mut open: Vec<Slow>) -> anyhow::Result<Duration> {
    let (begin, mut longest) = (Instant::now(), Duration::ZERO);
    while !open.is_empty() {
        if begin.elapsed() > PATIENCE {
            bail!("{} are still open after {PATIENCE:?}", open.len());
        }
        std::thread::sleep(LOOK);
        open.retain_mut(|slow| {
            let closed = slow.closed();
            longest = longest.max(closed.unwrap_or_default());
            closed.is_none()
        });
    }
    Ok(longest)
}

/// Like the above, for connections that are not read: only the server's count of open files shows that they are closed.
fn wait_until_released(server: &Server, most_files: usize, all_open: usize) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let wait = |done: &dyn Fn(usize) -> bool| -> anyhow::Result<Duration> {
        while !done(server.process.open_files()?) {
            if begin.elapsed() > PATIENCE {
                bail!("unread connections are not all open, or not all closed, after {PATIENCE:?}");
            }
            std::thread::sleep(LOOK);
        }
        Ok(begin.elapsed())
    };
    wait(&|files| files >= all_open)?;
    wait(&|files| files <= most_files)
}

/// Ends the server while slow connections of all kinds are open and good requests are in flight.
fn end(server: &mut Server, good: &str, arguments: &Arguments, limits: &mut Limits) -> anyhow::Result<()> {
    let share = arguments.connections / Kind::ALL.len();
    let slow: Vec<Vec<Slow>> = Kind::ALL
        .into_iter()
        .map(|kind| kind.open(server.address, good, share))
        .collect::<anyhow::Result<_>>()?;
    let in_flight = InFlight::send(server.address, good, arguments.in_flight)?;
    // By then the server has read the last of them.
    std::thread::sleep(MEANWHILE);
    let begin = Instant::now();
    server.process.ask_to_end()?;
    std::thread::sleep(MEANWHILE);
    let failed = in_flight.finish();
    let (status, ended) = server.process.wait()?;
    let took = ended.duration_since(begin).as_secs_f64();
    println!("\nSIGTERM          {} slow ones open: {status}", slow.iter().map(Vec::len).sum::<usize>());
    limits.at_most("SIGTERM: ended after, s", took, DRAIN.as_secs_f64() + TO_CLOSE);
    limits.holds("SIGTERM: ended with success", status.success());
    limits.at_most_count("SIGTERM: good requests in flight without their 201", failed, 0);
    Ok(())
}
