//! Measures the stand-in: its start, its memory, and tokens per second compared with bare signing.
//!
//! `cargo bench -p authority-app` prints the figures. The harness is its own, since it measures a process under load and a
//! ratio rather than the time of a function.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be made ends with where it stopped"
)]

mod load;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use load::Load;
use reqwest::{Certificate, Client};
use tokio::runtime::Runtime;

const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
const FORM: [(&str, &str); 4] = [
    ("grant_type", "client_credentials"),
    ("client_id", "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813"),
    ("client_secret", "development-only-demo-client-secret"),
    ("scope", "api://b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4/.default"),
];

/// The number of starts; the median counts.
const STARTS: usize = 9;

/// The number of rounds, each of which counts signatures and then tokens; the median of the ratios counts.
const ROUNDS: usize = 41;

/// The time for signatures, and for tokens, in a round: short, so that both find the machine in the same state.
const TURN: Duration = Duration::from_millis(250);

/// The most tokens in a round.
const MOST_TOKENS: usize = 12_500;

/// Clock ticks per second in Linux's processor times.
const TICKS: f64 = 100.0;

/// The number of kept-alive connections.
const CONNECTIONS: usize = 32;

fn main() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    // The first start makes the keys.
    drop(StandIn::start(folder.path(), &ca_file));
    let http = client(&ca_file);

    let (mut starts, mut running) = (Vec::new(), None);
    for _ in 0..STARTS {
        drop(running.take());
        let begin = Instant::now();
        let stand_in = StandIn::start(folder.path(), &ca_file);
        let keys = format!("{}/common/discovery/v2.0/keys", stand_in.base);
        assert!(runtime.block_on(async { http.get(keys).send().await }).unwrap().status().is_success());
        starts.push(begin.elapsed());
        running = Some(stand_in);
    }
    starts.sort();
    let stand_in = running.unwrap();
    let idle = stand_in.memory("VmRSS");

    let cores = std::thread::available_parallelism().unwrap().get();
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let one = signatures_a_second(&pair, 1);
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let mut load = Load::connect(&stand_in.base, &ca_file, CONNECTIONS, &path, &FORM);
    let mut rounds: Vec<Round> =
        (0..ROUNDS).map(|_| Round::measure(&mut load, &stand_in, &pair, cores)).collect();
    rounds.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let median = &rounds[ROUNDS / 2];
    let total = |of: fn(&Round) -> f64| rounds.iter().map(of).sum::<f64>();
    let tokens = total(|round| round.tokens * TURN.as_secs_f64());
    let signatures = total(|round| round.signatures * TURN.as_secs_f64());
    let micros = |seconds: f64, number: f64| 1e6 * seconds / number;
    let signing = micros(total(|round| round.processor.signing), signatures);
    let standing_in = micros(total(|round| round.processor.stand_in), tokens);
    let loading = micros(total(|round| round.processor.load), tokens);

    println!("start to first answer   {:>7.0} ms (median of {STARTS})", millis(starts[STARTS / 2]));
    println!("memory, idle            {idle:>7.1} MB");
    println!(
        "memory, after the load  {:>7.1} MB (peak {:.1})",
        stand_in.memory("VmRSS"),
        stand_in.memory("VmHWM")
    );
    println!("RSA-2048, 1 thread      {one:>7.0} signatures/s ({:.0} us each)", 1e6 / one);
    println!("RSA-2048, {cores} threads     {:>7.0} signatures/s", median.signatures);
    println!(
        "tokens over https       {:>7.0} tokens/s on {CONNECTIONS} kept-alive connections",
        median.tokens
    );
    println!("tokens / signatures     {:>7.0} % (median of {ROUNDS})", 100.0 * median.ratio());
    println!("processor time          {signing:>7.0} us for a signature");
    println!(
        "                        {standing_in:>7.0} us for a token in the stand-in, its signature included"
    );
    println!("                        {loading:>7.0} us for a token in the load");
    println!(
        "signature / token       {:>7.0} % of the stand-in's processor time, {:.0} % with the load's",
        100.0 * signing / standing_in,
        100.0 * signing / (standing_in + loading)
    );
}

/// Signatures and tokens per second, measured in turn.
struct Round {
    signatures: f64,
    tokens: f64,
    processor: Processor,
}

/// Processor time in seconds. Unlike the rates, it hardly depends on other load on the machine.
struct Processor {
    /// The processor time of the signatures.
    signing: f64,
    /// The processor time of the tokens, in the stand-in.
    stand_in: f64,
    /// The processor time of the tokens, in this process.
    load: f64,
}

impl Round {
    fn measure(load: &mut Load, stand_in: &StandIn, pair: &RsaKeyPair, cores: usize) -> Self {
        let used = || (processor("self"), processor(&stand_in.child.id().to_string()));
        let (start, _) = used();
        let signatures = signatures_a_second(pair, cores);
        let (signed, before) = used();
        let tokens = load.tokens_a_second(TURN, MOST_TOKENS);
        let (loaded, after) = used();
        let processor =
            Processor { signing: signed - start, stand_in: after - before, load: loaded - signed };
        Self { signatures, tokens, processor }
    }

    fn ratio(&self) -> f64 {
        self.tokens / self.signatures
    }
}

/// The running program, which is killed when this is dropped.
struct StandIn {
    child: Child,
    base: String,
}

impl StandIn {
    fn start(data: &Path, ca_file: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authority-app"));
        command.arg("--ca-out").arg(ca_file).env("DATA__FOLDER", data).env("RUST_LOG", "info");
        command.env("SERVER__LISTEN", "127.0.0.1:0").env("ADMIN__LISTEN", "127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.trim().strip_prefix("instance")?.trim().to_owned()));
        Self { child, base: base.unwrap() }
    }

    /// A row of `/proc/PID/status`, in MB.
    fn memory(&self, row: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix(row)?.split_whitespace().nth(1)?.parse::<f64>().ok());
        kilobytes.unwrap_or(f64::NAN) * 1024.0 / 1e6
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time of a process, in seconds.
fn processor(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, comes second; user and system time are 14th and 15th.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(11).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}

fn client(ca_file: &Path) -> Client {
    let ca = Certificate::from_pem(&std::fs::read(ca_file).unwrap()).unwrap();
    Client::builder().tls_certs_only([ca]).no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

/// Signs messages as long as a token's header and claims, on several threads.
fn signatures_a_second(pair: &RsaKeyPair, threads: usize) -> f64 {
    let begin = Instant::now();
    let count = || {
        let (message, mut signature) = ([7; 1000], vec![0; pair.public_modulus_len()]);
        let mut count = 0_u32;
        while begin.elapsed() < TURN {
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).unwrap();
            count += 1;
        }
        count
    };
    let total: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    f64::from(total) / begin.elapsed().as_secs_f64()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
