//! The load command: compares the resource-app with references on the same machine, and attacks it.
//!
//! # Layout
//!
//! - [`speed`]: interleaved rounds of windows, medians, and the ratios with their limits.
//! - [`attack`], [`flood`], [`slowloris`]: hostile peers, during valid traffic.
//! - [`rotation`]: files that are replaced while the programs serve.
//! - [`limits`]: the promised limits; a run that breaks one ends with 1.
//! - [`system`] starts the programs, [`process`] pins them to a core and measures them, [`tokens`] mints tokens.
//! - [`reference`]: the services that the resource-app is compared with.
//!
//! wrk sends the requests of the speed rounds. The other modes need what wrk cannot do (bytes that are no HTTP, a fixed
//! rate, half a request) and send through [`http`].

mod attack;
mod flood;
mod http;
mod limits;
mod log;
mod process;
mod reference;
mod rotation;
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
      The speed table: every case in turn, 5 rounds of 2 s windows. Takes some 6 minutes.
  cargo run --release --manifest-path bench/Cargo.toml -- --only caller --rounds 3
      Only the cases whose name has the word, and the ratios among them.
  cargo run --release --manifest-path bench/Cargo.toml -- --before ../earlier/target/release
      The same, and the same cases of an earlier build's resource-app in the same rounds, with the ratios to it.
  cargo run --release --manifest-path bench/Cargo.toml -- --json rounds.json
      The same table, and every window of it in a file.
  cargo run --release --manifest-path bench/Cargo.toml -- attack --tokens 1000000
      Forged tokens over HTTP: none may be accepted, nothing may panic, the memory stays flat.
  cargo run --release --manifest-path bench/Cargo.toml -- flood
      10,000 requests per second with unknown keys, and 200 valid ones.
  cargo run --release --manifest-path bench/Cargo.toml -- flood --kind bad-signature
      The same with a known key and random signatures, each of which must be verified.
  cargo run --release --manifest-path bench/Cargo.toml -- slowloris
      1,000 connections of each slow kind during valid requests, and the server's end with 1,000 of them open.
  cargo run --release --manifest-path bench/Cargo.toml -- rotation
      Three rounds in which certificates, their CA and all credentials are replaced, and a CA without overlap.

It needs Linux, two cores, taskset, and wrk for the speed table (Debian: apt-get install util-linux wrk). Run it on a
quiet machine; ratios within one run tolerate noise better than times.

Exit codes: 0 every limit holds; 1 a limit is broken, or the measurement failed; 2 unusable arguments.";

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
    /// Send tokens with unknown keys or invalid signatures at a fixed rate.
    Flood(flood::Arguments),
    /// Send requests slowly or by half, or read no responses.
    Slowloris(slowloris::Arguments),
    /// Replace certificates, trust and credentials while the programs serve.
    Rotation(rotation::Arguments),
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
        Some(Command::Rotation(arguments)) => rotation::run(&place, &arguments),
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
