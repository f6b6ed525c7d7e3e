//! Runs the programs as processes: built by cargo, with their exit codes and logs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a program may take to start listening, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The path of a program of this workspace, which cargo builds first if necessary.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // Built along with the tests, whose features are part of the build: nothing is built twice.
        let output = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bins",
                "--tests",
                "--examples",
                "--message-format=json",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "cargo could not build the programs");
        let executable = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["kind"][0] == "bin" && message["profile"]["test"] == false)
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
            .expect("cargo names what it built");
        executable.parent().expect("a program is in a folder").to_owned()
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The path of an example of this workspace, built like a program.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    path(name).with_file_name("examples").join(path(name).file_name().unwrap_or_default())
}

/// A command for the program, with these environment variables alone.
#[must_use]
pub fn command<V: AsRef<OsStr>>(name: &str, variables: &[(&str, V)]) -> Command {
    in_environment(Command::new(path(name)), variables)
}

fn in_environment<V: AsRef<OsStr>>(mut command: Command, variables: &[(&str, V)]) -> Command {
    // Default paths are relative, and must not end up in the source tree.
    command.current_dir(std::env::temp_dir());
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // The stand-in keeps its keys in the home folder.
    command.envs(
        ["HOME", "PATH", "SystemRoot", "XDG_CACHE_HOME"]
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?))),
    );
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

/// Runs the program to its end, within 30 seconds.
#[must_use]
pub fn run<V: AsRef<OsStr>>(name: &str, arguments: &[&str], variables: &[(&str, V)]) -> Output {
    let mut child = command(name, variables).args(arguments).spawn().expect("the program starts");
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let status = wait(&mut child);
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn drain(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    let mut stream = stream.expect("the stream is piped");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

fn wait(child: &mut Child) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the program did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running server program; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    follower: Option<JoinHandle<()>>,
    url: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts the program and waits until its log names the address that it listens on.
    #[must_use]
    pub fn start<V: AsRef<OsStr>>(name: &str, arguments: &[&str], variables: &[(&str, V)]) -> Self {
        Self::start_reading(name, arguments, variables, Reader::ToTheEnd)
    }

    /// Like [`Self::start`], under limits that a shell sets, such as `ulimit -n 256`.
    #[cfg(unix)]
    #[must_use]
    pub fn start_limited<V: AsRef<OsStr>>(
        limits: &str,
        name: &str,
        arguments: &[&str],
        variables: &[(&str, V)],
    ) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]).arg(path(name));
        Self::spawn(in_environment(shell, variables).args(arguments), Reader::ToTheEnd)
    }

    /// Like [`Self::start`], and then closes the pipe that the log is written to.
    #[must_use]
    pub fn start_and_stop_reading<V: AsRef<OsStr>>(
        name: &str,
        arguments: &[&str],
        variables: &[(&str, V)],
    ) -> Self {
        let mut server = Self::start_reading(name, arguments, variables, Reader::UntilItServes);
        server.follower.take().expect("it is followed until now").join().unwrap();
        server
    }

    /// Like [`Self::start`], but stops reading the log's pipe, so that it fills.
    #[must_use]
    pub fn start_and_let_the_log_fill<V: AsRef<OsStr>>(
        name: &str,
        arguments: &[&str],
        variables: &[(&str, V)],
    ) -> Self {
        let mut server = Self::start_reading(name, arguments, variables, Reader::LetItFill);
        server.follower.take().expect("it is followed until now").join().unwrap();
        server
    }

    fn start_reading<V: AsRef<OsStr>>(
        name: &str,
        arguments: &[&str],
        variables: &[(&str, V)],
        reader: Reader,
    ) -> Self {
        Self::spawn(command(name, variables).args(arguments), reader)
    }

    fn spawn(command: &mut Command, reader: Reader) -> Self {
        let mut child = command.stdout(Stdio::null()).spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (urls, follower) = follow(child.stderr.take(), Arc::clone(&log), reader);
        let Ok(url) = urls.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let program = command.get_program().display();
            panic!("{program} does not listen: {}", log.lock().unwrap());
        };
        Self { child, follower: Some(follower), url, log }
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Limits the running process by an option of `prlimit`, such as `--fsize=4096:unlimited`.
    #[cfg(target_os = "linux")]
    pub fn limit(&self, option: &str) {
        let process = self.id().to_string();
        assert!(Command::new("prlimit").args(["--pid", &process, option]).status().unwrap().success());
    }

    /// Waits until the program reports that it is ready, within 30 seconds.
    pub async fn wait_until_ready(&self) {
        let url = format!("{}/health/ready", self.url);
        let http = direct();
        let ready = async {
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, ready).await;
        assert!(in_time.is_ok(), "{url} does not become ready: {}", self.log.lock().unwrap());
    }

    /// Kills the process with `SIGKILL`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends `SIGTERM`, and waits for the exit code and the last line of the log.
    #[cfg(unix)]
    #[must_use]
    pub fn terminate(self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.end()
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        // The standard library can only send SIGKILL.
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// Waits for the exit code and the last line of the log.
    #[must_use]
    pub fn end(mut self) -> (Option<i32>, String) {
        let code = wait(&mut self.child).code();
        if let Some(follower) = self.follower.take() {
            follower.join().unwrap();
        }
        (code, self.log.lock().unwrap().clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP client that ignores proxy variables.
#[must_use]
pub fn direct() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// How long the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    ToTheEnd,
    UntilItServes,
    /// Until the program serves; then the pipe stays open, but is no longer read.
    LetItFill,
}

/// Collects the log, and reports the URL in the line "serving".
fn follow(
    stderr: Option<impl Read + Send + 'static>,
    log: Arc<Mutex<String>>,
    reader: Reader,
) -> (Receiver<String>, JoinHandle<()>) {
    let (found, urls) = mpsc::channel();
    let mut lines = BufReader::new(stderr.expect("the stream is piped")).lines();
    let follower = std::thread::spawn(move || {
        while let Some(Ok(line)) = lines.next() {
            let event: Option<Value> = serde_json::from_str(&line).ok();
            let serving = event.filter(|event| event["message"] == "serving");
            {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
            if let Some(url) = serving.as_ref().and_then(|event| event["url"].as_str()) {
                let _ = found.send(url.to_owned());
                match reader {
                    Reader::ToTheEnd => (),
                    Reader::UntilItServes => return,
                    Reader::LetItFill => return std::mem::forget(lines),
                }
            }
        }
    });
    (urls, follower)
}
