//! A headless Chromium, driven over the WebDriver protocol by Debian's `chromedriver`.
//!
//! <https://www.w3.org/TR/webdriver2/>

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take for a command.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running browser with one window; it ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    http: Client,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    /// Chromium or its driver is missing.
    pub async fn start() -> Result<Self, String> {
        let missing =
            |error: std::io::Error| format!("no chromedriver here (package chromium-driver): {error}");
        let mut command = Command::new("chromedriver");
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut driver =
            command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(missing)?;
        let stdout = driver.stdout.take().expect("the stream is piped");
        let port = BufReader::new(stdout).lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("was started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, http, session: String::new(), profile };
        let port = port.ok_or("chromedriver does not listen")?;
        browser.session = format!("http://127.0.0.1:{port}/session");
        let profile = format!("--user-data-dir={}", browser.profile.path().display());
        let arguments =
            json!(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", profile]);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let started = browser.send(Method::POST, "", Some(wanted)).await?;
        let id = started["sessionId"].as_str().ok_or("chromedriver starts no session")?.to_owned();
        browser.session = format!("{}/{id}", browser.session);
        Ok(browser)
    }

    /// Sets the size of the viewport, and whether the system prefers `light` or `dark`.
    pub async fn set_window(&self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.chrome("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.chrome("Emulation.setEmulatedMedia", features).await;
    }

    /// Sends a command of the Chrome DevTools protocol.
    pub async fn chrome(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask(Method::POST, "/goog/cdp/execute", Some(body)).await
    }

    /// Opens a page, and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.ask(Method::POST, "/url", Some(json!({ "url": url }))).await;
    }

    /// Runs a script in the page, and returns what it returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.ask(Method::POST, "/execute/sync", Some(json!({ "script": script, "args": arguments }))).await
    }

    /// Returns the errors that the console showed since the last call.
    pub async fn console_errors(&self) -> Vec<String> {
        let entries = self.ask(Method::POST, "/se/log", Some(json!({ "type": "browser" }))).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.send(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let request = self.http.request(method, format!("{}{path}", self.session));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_success = answer.status().is_success();
        let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if is_success { Ok(answer["value"].take()) } else { Err(answer["value"]["message"].to_string()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The whole group, since a killed driver leaves its browser behind.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
