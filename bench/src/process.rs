//! Runs a program on chosen cores, and measures its processor time and memory.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long a program may take to end after a signal.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running program; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
}

/// A command on these cores, with these environment variables alone.
pub(crate) fn pinned<V: AsRef<OsStr>>(cores: &str, program: &Path, variables: &[(&str, V)]) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(cores).arg(program).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command.envs(["HOME", "PATH"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    // An interrupt at the terminal ends the load command, which then ends this.
    command.process_group(0);
    command
}

/// Pins this process, and by default its children, to these cores.
pub(crate) fn pin_self(cores: &str) -> anyhow::Result<()> {
    let id = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", cores, &id])
        .stdout(Stdio::null())
        .status()
        .context("cannot start taskset (Debian: apt-get install util-linux)")?;
    if status.success() { Ok(()) } else { bail!("there is no core {cores} for this process") }
}

impl Process {
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| {
            format!("cannot start {} (Debian: apt-get install util-linux)", command.get_program().display())
        })?;
        Ok(Self { child })
    }

    /// The processor time of all threads, user and system, to the nanosecond.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let folder = format!("/proc/{}/task", self.child.id());
        let mut nanoseconds = 0;
        for thread in fs::read_dir(&folder).with_context(|| format!("{folder}: the program has ended"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))
                .context("the kernel counts no processor time")?;
            let first = text.split_whitespace().next().unwrap_or_default();
            nanoseconds += first.parse::<u64>().context("an unknown form of schedstat")?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let row =
            text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the program has ended")?;
        let kib = row.split_whitespace().next().unwrap_or_default();
        Ok(kib.parse::<f64>().context("an unknown form of VmRSS")? / 1024.0)
    }

    /// The number of open files and connections.
    pub(crate) fn open_files(&self) -> anyhow::Result<usize> {
        let folder = format!("/proc/{}/fd", self.child.id());
        Ok(fs::read_dir(&folder).with_context(|| format!("{folder}: the program has ended"))?.count())
    }

    /// Sends `SIGTERM`.
    pub(crate) fn ask_to_end(&self) -> anyhow::Result<()> {
        // The standard library can only send SIGKILL.
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { bail!("the program has ended") }
    }

    /// Waits for the end, and returns the exit status and the time.
    pub(crate) fn wait(&mut self) -> anyhow::Result<(ExitStatus, Instant)> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, Instant::now()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("the program did not end within {PATIENCE:?}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
