//! Measures one window: wrk sends requests to one server, whose processor time is read before and after.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;

use crate::system::Server;

/// The script that wrk runs for each request.
const SCRIPT: &str = include_str!("../wrk.lua");

/// The figures of one window.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Window {
    pub(super) requests_per_second: f64,
    /// The server's processor time per request, in microseconds.
    pub(super) cpu_us: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// The server's share of its core, from 0 to 1.
    pub(super) load: f64,
    /// The share of responses that were not 2xx.
    pub(super) refused: f64,
}

/// wrk with its script.
#[derive(Debug)]
pub(super) struct Wrk {
    script: PathBuf,
    connections: String,
    window: String,
}

impl Wrk {
    /// Checks that wrk is installed, before 50,000 tokens are minted.
    pub(super) fn check() -> anyhow::Result<()> {
        Command::new("wrk")
            .arg("--version")
            .output()
            .context("cannot start wrk (Debian: apt-get install wrk)")?;
        Ok(())
    }

    pub(super) fn new(folder: &Path, connections: usize, window: Duration) -> anyhow::Result<Self> {
        let script = folder.join("wrk.lua");
        std::fs::write(&script, SCRIPT)?;
        Ok(Self { script, connections: connections.to_string(), window: format!("{}s", window.as_secs()) })
    }

    /// Requests a path with the tokens of a file, over and over.
    pub(super) fn run(&self, server: &Server, path: &str, tokens: &Path) -> anyhow::Result<Window> {
        let before = server.process.cpu()?;
        // One thread, on the core of this process.
        let output = Command::new("wrk")
            .args([
                "--threads",
                "1",
                "--connections",
                &self.connections,
                "--duration",
                &self.window,
                "--timeout",
                "10s",
            ])
            .arg("--script")
            .arg(&self.script)
            .arg(format!("http://{}{path}", server.address))
            .arg("--")
            .arg(tokens)
            .output()?;
        let cpu = server.process.cpu()?.saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        let summary = text
            .lines()
            .find_map(|line| line.strip_prefix("summary "))
            .with_context(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
        Window::read(summary, cpu)
    }
}

impl Window {
    fn read(summary: &str, cpu: Duration) -> anyhow::Result<Self> {
        let numbers: Vec<f64> = summary.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let Ok([requests, microseconds, refused, broken, p50_us, p99_us]) = <[f64; 6]>::try_from(numbers)
        else {
            bail!("wrk's summary is not that of the script");
        };
        if requests == 0.0 || broken > 0.0 {
            bail!("{requests} requests were answered, and {broken} connections broke");
        }
        let cpu_us = cpu.as_secs_f64() * 1e6;
        Ok(Self {
            requests_per_second: requests / microseconds * 1e6,
            cpu_us: cpu_us / requests,
            p50_us,
            p99_us,
            load: cpu_us / microseconds,
            refused: refused / requests,
        })
    }
}
