//! Halves of requests: what they hold open, and whether they keep the server from ending.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::pin_self;
use crate::system::{Place, System};
use crate::tokens;
use crate::valid::{PATH, REMEMBERED, Traffic};

/// What is sent of a request.
const HALF: &[u8] = b"GET /api/caller HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bea";

/// How long the server gets to close them all.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the halves are sent.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Connections with half a request each.
    #[arg(long, default_value_t = 1000)]
    half_sent: usize,
    /// Valid requests a second beside them.
    #[arg(long, default_value_t = 200)]
    valid_rate: u32,
    /// How long the valid requests are sent alone before it.
    #[arg(long, default_value_t = 15)]
    alone_seconds: u64,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::start(place)?;
    let good = tokens::mint(system.admin, 1)?;
    let good = good.first().context("no token")?;
    pin_self(&place.load_core)?;
    let mut server = system.resource_app(REMEMBERED, false)?;

    let alone = Traffic::alone(server.address, good, arguments.valid_rate, arguments.alone_seconds)?;

    let memory = server.process.resident_mib()?;
    let traffic = Traffic::start(server.address, PATH, good, arguments.valid_rate);
    let begin = Instant::now();
    let halves = open(server.address, arguments.half_sent)?;
    let opened = begin.elapsed();
    let holding = server.process.resident_mib()?;
    let (first, last) = wait_until_closed(halves)?;
    let during = traffic.stop()?;
    println!("valid during     {}", during.line());
    println!("p99 during/alone {:.2}", during.percentile(0.99) / alone.percentile(0.99));
    println!("half-sent        {} opened in {:.2} s", arguments.half_sent, opened.as_secs_f64());
    println!(
        "closed           after {:.2} to {:.2} s each (limit 10)",
        first.as_secs_f64(),
        last.as_secs_f64()
    );
    println!("memory           {memory:.1} MiB before, {holding:.1} holding them");

    let halves = open(server.address, arguments.half_sent)?;
    let (status, took) = server.process.terminate()?;
    println!("SIGTERM          {} open: {status} after {:.2} s", halves.len(), took.as_secs_f64());
    Ok(())
}

/// A connection with half a request on it, and since when.
struct Half {
    stream: TcpStream,
    sent: Instant,
}

fn open(address: SocketAddr, count: usize) -> anyhow::Result<Vec<Half>> {
    let half = |_| {
        let mut stream =
            TcpStream::connect(address).context("a connection was refused; is `ulimit -n` high enough?")?;
        stream.write_all(HALF)?;
        stream.set_nonblocking(true)?;
        Ok(Half { stream, sent: Instant::now() })
    };
    (0..count).map(half).collect()
}

/// How long the first and the last were open.
fn wait_until_closed(mut open: Vec<Half>) -> anyhow::Result<(Duration, Duration)> {
    let begin = Instant::now();
    let (mut first, mut last) = (Duration::MAX, Duration::ZERO);
    while !open.is_empty() {
        if begin.elapsed() > PATIENCE {
            bail!("{} are still open after {PATIENCE:?}", open.len());
        }
        std::thread::sleep(Duration::from_millis(20));
        open.retain_mut(|half| {
            let closed = is_closed(&mut half.stream);
            if closed {
                first = first.min(half.sent.elapsed());
                last = last.max(half.sent.elapsed());
            }
            !closed
        });
    }
    Ok((first, last))
}

/// Reads what there is, such as a 408, until the peer's end or until there is no more for now.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut chunk = [0; 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => (),
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
