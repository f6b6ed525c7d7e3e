//! Attacks an API with the stand-in's tokens, and reports what it accepts.

use std::fs;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use clap::{Args, ValueEnum};
use entra_attack::{
    Admin, Attack, Deviations, Framework, Profile, Progress, Report, Route, Settings, Source,
};
use entra_shared::settings::Environment;
use entra_stand_in::Authority;
use http_shell::process::{self, print};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use url::Url;

use crate::commands::SettingsFile;

/// The exit code of a run that could not take place.
const COULD_NOT_RUN: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  authority-app attack --print-settings spring
      What the API has to be told so that it accepts the stand-in's tokens, and how it trusts the certificate.
  authority-app attack http://localhost:8080 --route 'GET /orders' --role Orders.Read
      Serve https://localhost:5000, wait for the API, attack it, and report.
  authority-app attack http://localhost:8080 --route 'GET /orders' --role Orders.Read \\
      --openapi openapi.json --junit report.xml --sarif report.sarif --html report.html --profile strict
      With a route that must refuse every operation of a document without a token, and reports for a pipeline.
  authority-app attack http://api:8080 --route 'GET /orders' --role Orders.Read --authority http://127.0.0.1:5010
      With a stand-in that runs already, over its admin listener.
  authority-app attack http://localhost:8080 --route 'GET /orders' --role Orders.Read \\
      --listen 0.0.0.0:5000 --name host.docker.internal
      For an API in a container that calls this machine host.docker.internal.

Only GET and HEAD are sent without --unsafe-methods, with random ids and no body. An address that is neither loopback nor
private has to be named with --i-may-attack. The keys of the tenant are rolled over: do not share it with other tests.

A list for --allow:
  [[allow]]
  row = \"token/aud/*\"        # a row, the front of one before `*`, or a finding
  reason = \"known, ticket 7\"
  until = \"2027-03-31\"

Exit codes: 0 nothing that counts failed, 1 something did, 2 could not run, or was ended early
without such a failure.";

/// The arguments of `attack`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The base URL of the API.
    #[arg(required_unless_present = "print_settings")]
    url: Option<Url>,
    /// A route that is guarded, such as `GET /orders/{id}`. Repeatable. Tokens go to the first one with GET or HEAD.
    #[arg(long, value_name = "METHOD PATH")]
    route: Vec<Route>,
    /// The app role that guards the route named before; one for all routes, or one for each.
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// An OpenAPI document in JSON: each operation that it does not declare public must refuse a request without a token.
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// What counts: rfc, what RFCs demand; entra, Entra's rules as well; strict, wrong refusals, leeway and `typ` too.
    #[arg(long, value_enum, default_value = "entra", hide_possible_values = true)]
    profile: ProfileName,
    /// Known deviations that do not count, in TOML.
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
    /// An earlier report in JSON: what failed then does not count.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How long a row may wait for the API to fetch new keys, such as 40s or 35m.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "40s")]
    patience: Duration,
    /// How long to wait for the API's first good answer.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    wait: Duration,
    /// The API takes users' tokens as well.
    #[arg(long)]
    accepts_users: bool,
    /// Send requests with other methods than GET and HEAD too.
    #[arg(long)]
    unsafe_methods: bool,
    /// Attack this host although its address is public.
    #[arg(long, value_name = "HOST")]
    i_may_attack: Option<String>,
    /// A certificate authority that signed the API's certificate, in PEM. The stand-in's own is always trusted.
    #[arg(long, value_name = "FILE")]
    target_ca: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as SARIF 2.1.0.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// The file that SARIF shows results at, by default the OpenAPI document.
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Write the report as one HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print what the API has to be told, and exit: identity-web, jwt-bearer, spring, oidc, entra-guard or json.
    #[arg(long, value_name = "KIND")]
    print_settings: Option<Framework>,
    /// The tenant, by id, instead of the directory's first.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// The API's registration, by client id or name, instead of the one that has the roles.
    #[arg(long, value_name = "API")]
    audience: Option<String>,
    /// Use a stand-in that runs already, by the URL of its admin listener.
    #[arg(long, value_name = "URL", conflicts_with_all = ["listen", "name", "settings"])]
    authority: Option<Url>,
    /// The address that the stand-in listens on, instead of 127.0.0.1:5000.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A name by which the API finds the stand-in, instead of localhost.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileName {
    Rfc,
    Entra,
    Strict,
}

/// The stand-in whose tokens are used.
enum StandIn {
    Own(Box<Authority>),
    Running(Admin),
}

/// Attacks an API, and returns the exit code.
///
/// Errors are reported here, since each of them means that the run could not take place.
pub(crate) async fn attack(arguments: Arguments) -> ExitCode {
    let ran = match arguments.print_settings {
        Some(framework) => arguments.print_settings(framework).await,
        None => arguments.run().await,
    };
    ran.unwrap_or_else(|error| {
        let _ = process::report(error.as_ref(), |_| false);
        ExitCode::from(COULD_NOT_RUN)
    })
}

impl Arguments {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let routes = self.guarded()?;
        let described = self.openapi.as_deref().map(read).transpose()?;
        let described = described.as_deref().map(entra_attack::described_routes).transpose()?;
        let allow = self.allow.as_deref().map(read).transpose()?;
        let baseline = self.baseline.as_deref().map(read).transpose()?;
        let baseline: Option<Report> = baseline.as_deref().map(serde_json::from_str).transpose()?;
        let deviations = Deviations::new(allow.as_deref(), baseline)?;
        let Some(url) = self.url.clone() else { anyhow::bail!("name the URL of the API") };
        let (stand_in, stop) = (self.stand_in().await?, process::shutdown_on_signal()?);
        let mut attack = Attack::new(stand_in.admin(), url)
            .described(described.unwrap_or_default())
            .accepts_users(self.accepts_users)
            .unsafe_methods(self.unsafe_methods)
            .may_attack(self.i_may_attack.clone())
            .patience(self.patience)
            .wait(self.wait)
            .profile(self.profile.into())
            .deviations(deviations);
        for (route, role) in routes {
            attack = attack.route(route, role);
        }
        if let Some(id) = &self.tenant {
            attack = attack.tenant(id.as_str());
        }
        if let Some(name) = &self.audience {
            attack = attack.audience(name.as_str());
        }
        if let Some(file) = &self.target_ca {
            attack = attack.trust(read(file)?);
        }
        let report = attack.observe(observer()).run(&stop).await?;
        print(&report.to_text())?;
        self.write(&report)?;
        if let StandIn::Own(authority) = stand_in {
            authority.shutdown().await;
        }
        Ok(ExitCode::from(match (report.has_failed(), report.complete) {
            (true, _) => process::FAILED,
            (false, true) => 0,
            (false, false) => COULD_NOT_RUN,
        }))
    }

    /// Returns each route with its role.
    fn guarded(&self) -> anyhow::Result<Vec<(Route, String)>> {
        let roles: Vec<String> = match self.role.as_slice() {
            [one] => vec![one.clone(); self.route.len()],
            many => many.to_vec(),
        };
        if self.route.is_empty() || roles.len() != self.route.len() {
            anyhow::bail!(
                "name a --route and its --role, such as --route 'GET /orders' --role Orders.Read: there are {} routes and {} roles",
                self.route.len(),
                self.role.len()
            );
        }
        Ok(self.route.iter().cloned().zip(roles).collect())
    }

    async fn stand_in(&self) -> anyhow::Result<StandIn> {
        if let Some(url) = &self.authority {
            return Ok(StandIn::Running(Admin::remote(url.clone())?));
        }
        let environment = Environment::from_process();
        let settings = self.settings.load(&environment)?;
        let mut builder = settings.builder(&environment)?.admin_listen(None).managed_identity_listen(None);
        if let Some(address) = self.listen {
            builder = builder.listen(address).allow_non_loopback(true);
        }
        if let Some(name) = &self.name {
            builder = builder.names([name.as_str(), "localhost"]);
        }
        Ok(StandIn::Own(Box::new(builder.spawn().await?)))
    }

    async fn print_settings(&self, framework: Framework) -> anyhow::Result<ExitCode> {
        let stand_in = self.stand_in().await?;
        let admin = stand_in.admin();
        // Next to the keys, where it stays the same from one run to the next.
        let folder = self.settings.load(&Environment::from_process())?.data_folder()?;
        let ca_file = folder.ca_file().with_file_name("ca-certificate.pem");
        crate::write(&ca_file, &admin.ca_pem().await?, crate::Readers::Everybody)?;
        let (tenant, audience) = (self.tenant.as_deref(), self.audience.as_deref());
        let settings = Settings::read(&admin, tenant, audience, ca_file.display().to_string()).await?;
        print(&settings.text(framework))?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, report: &Report) -> anyhow::Result<()> {
        let source = self.source.as_deref().or(self.openapi.as_deref()).unwrap_or(Path::new("openapi.json"));
        let source = Source { file: source.display().to_string().replace('\\', "/") };
        for (path, text) in [
            (&self.json, report.to_json()),
            (&self.junit, report.to_junit()),
            (&self.sarif, report.to_sarif(&source)),
            (&self.html, report.to_html()),
        ] {
            if let Some(path) = path {
                fs::write(path, text)
                    .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
            }
        }
        Ok(())
    }
}

impl StandIn {
    fn admin(&self) -> Admin {
        match self {
            Self::Own(authority) => Admin::local(authority.first_tenant().admin()),
            Self::Running(admin) => admin.clone(),
        }
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Rfc => Self::Rfc,
            ProfileName::Entra => Self::Entra,
            ProfileName::Strict => Self::Strict,
        }
    }
}

/// Shows the progress, on a terminal as a line that changes, elsewhere as one line for each phase.
fn observer() -> impl Fn(Progress<'_>) + Send + Sync + 'static {
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {elapsed}  {pos} rows  {msg}");
        let bar = ProgressBar::no_length()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            .with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    });
    let last = Mutex::new(String::new());
    move |progress| match &bar {
        Some(bar) => {
            bar.set_message(progress.phase.to_owned());
            bar.set_position(progress.done as u64);
        }
        None => {
            if let Ok(mut last) = last.lock()
                && *last != progress.phase
            {
                progress.phase.clone_into(&mut last);
                process::progress(progress.phase);
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// Parses a time like `40s`, `35m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("expected a number with its unit, such as 40s, 35m or 2h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "not a whole number before the unit".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}
