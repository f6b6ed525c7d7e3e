//! The load command: measures the resource-app beside references on the same machine, and attacks it.
//!
//! # Layout
//!
//! - [`speed`]: interleaved rounds of windows, medians, and the ratios with their limits.
//! - [`attack`], [`flood`], [`slowloris`]: what a hostile peer does, beside valid traffic.
//! - [`limits`]: what is promised; a run in which something does not hold ends with 1.
//! - [`system`] starts the programs, [`process`] keeps them on their core and says what they cost; [`tokens`] mints.
//! - [`reference`]: what the resource-app is compared with.
//!
//! Each request of the speed rounds is sent by wrk; the other modes need what wrk cannot do (bytes that are no HTTP, a
//! rate that does not wait for answers, half a request) and send by themselves through [`http`].

mod attack;
mod flood;
mod http;
mod limits;
mod log;
mod process;
mod reference;
mod sequence;
mod slowloris;
mod speed;
mod system;
mod tokens;
mod valid;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use limits::Limits;
use system::Place;

const EXAMPLES: &str = "\
Examples, each from the top of the source tree:
  cargo run --release --manifest-path bench/Cargo.toml
      The speed table: every case in turn, 7 rounds of 2 s windows. Takes some 8 minutes.
  cargo run --release --manifest-path bench/Cargo.toml -- --only caller --rounds 3
      Only the cases whose name has the word, and the ratios among them.
  cargo run --release --manifest-path bench/Cargo.toml -- --json rounds.json
      The same table, and every window of it in a file.
  cargo run --release --manifest-path bench/Cargo.toml -- attack --tokens 1000000
      Forged tokens over HTTP: none may be accepted, nothing may panic, the memory stays flat.
  cargo run --release --manifest-path bench/Cargo.toml -- flood
      10,000 requests a second that name unknown keys, beside 200 valid ones.
  cargo run --release --manifest-path bench/Cargo.toml -- flood --kind bad-signature
      The same with a known key and signatures at random, each of which has to be verified.
  cargo run --release --manifest-path bench/Cargo.toml -- slowloris
      1,000 connections of each slow kind beside valid requests, and the end of the server with 1,000 open.

It takes Linux, two cores, taskset, and wrk for the speed table (Debian: apt-get install util-linux wrk). The figures
are of a quiet machine; ratios of one run bear noise better than times.

Exit codes: 0 every limit holds; 1 one does not, or it could not measure; 2 unusable arguments.";

/// Measures the resource-app against references, in release builds on two cores, and attacks it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    speed: speed::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send forged tokens.
    Attack(attack::Arguments),
    /// Send tokens that name unknown keys, or that nobody signed, at a rate.
    Flood(flood::Arguments),
    /// Send requests slowly or by half, and read no answers.
    Slowloris(slowloris::Arguments),
    /// Serve one of the references; the other modes start it.
    Reference(reference::Arguments),
}

fn main() -> ExitCode {
    let Cli { place, speed, command } = Cli::parse();
    let ended = match command {
        None => speed::run(&place, &speed),
        Some(Command::Attack(arguments)) => attack::run(&place, &arguments),
        Some(Command::Flood(arguments)) => flood::run(&place, &arguments),
        Some(Command::Slowloris(arguments)) => slowloris::run(&place, &arguments),
        Some(Command::Reference(arguments)) => reference::serve(&arguments).map(|()| Limits::default()),
    };
    match ended {
        Ok(limits) if limits.broken().is_empty() => ExitCode::SUCCESS,
        Ok(limits) => {
            eprintln!("does not hold: {}", limits.broken().join("; "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
