//! Measures the table of speeds.
//!
//! A round measures one window of every case in turn, so that other load on the machine affects all cases alike. Each
//! round starts with another case and reverses the order, so that no case always follows the same one. A ratio compares
//! two cases of one round; the result is the median of the rounds' ratios.
//!
//! Every case uses the same number of connections and the same form of requests. Open routes get a token too, so that a
//! ratio shows the cost of checking it rather than of reading a longer header. `GET /api/caller` is the bare guarded
//! route, `GET /health/live` the bare open one; `GET /api/resources/{id}` reads the same row of the same SQLite file on
//! every server. The plain server serves these too, open and with the same responses: open routes of equal work.

mod case;
mod report;
mod window;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::limits::Limits;
use crate::process::pin_self;
use crate::system::{Place, REMEMBERED, Reference, Server, System};
use crate::tokens;
use case::{CASES, Case, Route, TokenSet, Who};
use window::{Window, Wrk};

/// The memory that so many cached tokens may take, in MiB.
const MOST_MIB: f64 = 90.0;

/// The number of tokens in the largest set.
const MOST_TOKENS: usize = 50_000;

/// The arguments of the speed measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The number of rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The length of a window.
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    window: u64,
    /// The number of kept-alive connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Only the cases whose name contains one of these texts.
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure the `resource-app` of this folder too, an earlier build, in the same rounds.
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
    /// Write the figures of every window to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The servers under measurement. All run on the same core; an idle server costs nothing.
struct Servers {
    running: Vec<(Who, Server)>,
}

/// The files with tokens.
struct TokenFiles {
    folder: PathBuf,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<Limits> {
    let cases: Vec<&Case> = CASES.iter().filter(|case| is_wanted(case, arguments)).collect();
    if cases.is_empty() || arguments.rounds == 0 {
        bail!("there is nothing to measure");
    }
    Wrk::check()?;
    let system = System::start(place)?;
    eprintln!("minting {MOST_TOKENS} tokens");
    let good = tokens::mint(system.admin, MOST_TOKENS)?;
    let files = TokenFiles::write(&system, &good)?;
    pin_self(&place.load_core)?;
    let servers = Servers::start(&system, arguments.before.as_deref())?;
    let resources = Resources::create(&servers, good.first().context("no token")?)?;
    let idle = servers.resident_mib()?;
    let wrk = Wrk::new(system.folder(), arguments.connections, Duration::from_secs(arguments.window))?;
    let measure = |case: &Case| -> anyhow::Result<Window> {
        let path = case.route.path(resources.id(case.who)?);
        wrk.run(servers.server(case.who)?, &path, &files.path(case.tokens))
    };
    // One round unmeasured, long enough to send each token once, which warms the caches.
    for case in &cases {
        warm_up(&servers, case, &files, resources.id(case.who)?)?;
    }
    let mut rounds = Vec::with_capacity(arguments.rounds);
    for round in 0..arguments.rounds {
        eprintln!("round {} of {}", round + 1, arguments.rounds);
        let mut windows: Vec<(usize, Window)> = order(round, cases.len())
            .into_iter()
            .filter_map(|number| Some((number, measure(cases.get(number)?))))
            .map(|(number, window)| Ok((number, window?)))
            .collect::<anyhow::Result<_>>()?;
        windows.sort_by_key(|(number, _)| *number);
        rounds.push(windows.into_iter().map(|(_, window)| window).collect());
    }
    let mut limits = Limits::default();
    report::print(&cases, &rounds, &mut limits);
    let after = servers.resident_mib()?;
    report::print_memory(&idle, &after);
    println!();
    if cases.iter().any(|case| case.who == Who::App && case.tokens == TokenSet::FiftyThousand) {
        // The first server is the one with the token cache.
        let grown = after.first().zip(idle.first()).map_or(f64::NAN, |((_, after), (_, idle))| after - idle);
        limits.at_most("memory that 50,000 tokens take, MiB", grown, MOST_MIB);
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json(&cases, &rounds).to_string())?;
    }
    Ok(limits)
}

/// The order in which a round measures the cases.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order.rotate_left(round % count.max(1));
    order
}

fn is_wanted(case: &Case, Arguments { only, before, .. }: &Arguments) -> bool {
    if case.who.is_earlier() && before.is_none() {
        return false;
    }
    only.is_empty() || only.iter().any(|text| case.name.contains(text.as_str()))
}

/// Sends each token of a case once, and asserts the expected status.
fn warm_up(servers: &Servers, case: &Case, files: &TokenFiles, resource: &str) -> anyhow::Result<()> {
    let mut connection = servers.server(case.who)?.connection();
    let path = case.route.path(resource);
    let tokens = std::fs::read_to_string(files.path(case.tokens))?;
    for token in tokens.lines() {
        let status = connection.get(&path, Some(token))?.status;
        let accepted = status == 200;
        if accepted != case.is_accepted() {
            bail!("{}: answered {status}", case.name);
        }
    }
    Ok(())
}

/// The id of the resource that is read from each database, by the server that owns the database.
struct Resources {
    ids: Vec<(Who, String)>,
}

impl Resources {
    fn create(servers: &Servers, token: &str) -> anyhow::Result<Self> {
        let apps = servers.running.iter().filter(|(who, _)| owner(*who) == *who);
        let ids = apps.map(|(who, app)| Ok((*who, create_resource(app, token)?)));
        Ok(Self { ids: ids.collect::<anyhow::Result<_>>()? })
    }

    fn id(&self, who: Who) -> anyhow::Result<&str> {
        let found = self.ids.iter().find(|(other, _)| *other == owner(who));
        found.map(|(_, id)| id.as_str()).context("a server has no database")
    }
}

/// The server whose database a server reads; the references read that of the resource-app.
fn owner(who: Who) -> Who {
    match who {
        Who::App | Who::Plain | Who::Handwritten | Who::AxumJwtAuth | Who::ParsedKey => Who::App,
        Who::AppWithoutCache | Who::Before | Who::BeforeWithoutCache => who,
    }
}

fn create_resource(app: &Server, token: &str) -> anyhow::Result<String> {
    let mut connection = app.connection();
    let new = json!({ "name": "measured", "content": { "text": "a".repeat(200), "numbers": [1, 2, 3] } });
    let answer = connection.post("/api/resources", Some(token), &new.to_string())?;
    let created: Value = serde_json::from_slice(answer.body)?;
    let id = created.get("id").and_then(Value::as_str).context("no resource was created")?;
    Ok(id.to_owned())
}

impl Servers {
    fn start(system: &System, before: Option<&Path>) -> anyhow::Result<Self> {
        let mut running = Vec::with_capacity(Who::ALL.len());
        for who in Who::ALL {
            let server = match (who, before) {
                (Who::App, _) => system.resource_app(REMEMBERED, false)?,
                (Who::AppWithoutCache, _) => system.resource_app(0, false)?,
                (Who::Before, Some(programs)) => system.earlier_app(programs, REMEMBERED)?,
                (Who::BeforeWithoutCache, Some(programs)) => system.earlier_app(programs, 0)?,
                (Who::Before | Who::BeforeWithoutCache, None) => continue,
                (Who::Plain, _) => system.reference(Reference::Open)?,
                (Who::Handwritten, _) => system.reference(Reference::Handwritten)?,
                (Who::AxumJwtAuth, _) => system.reference(Reference::AxumJwtAuth)?,
                (Who::ParsedKey, _) => system.reference(Reference::ParsedKey)?,
            };
            running.push((who, server));
        }
        Ok(Self { running })
    }

    fn server(&self, who: Who) -> anyhow::Result<&Server> {
        let found = self.running.iter().find(|(other, _)| *other == who);
        found.map(|(_, server)| server).context("a server was not started")
    }

    /// The resident memory of each server, in MiB; the resource-app with the token cache first.
    fn resident_mib(&self) -> anyhow::Result<Vec<(&'static str, f64)>> {
        self.running.iter().map(|(who, server)| Ok((who.name(), server.process.resident_mib()?))).collect()
    }
}

impl TokenFiles {
    fn write(system: &System, good: &[String]) -> anyhow::Result<Self> {
        let folder = system.folder().to_owned();
        for set in TokenSet::ALL {
            tokens::write(&folder, set.name(), &set.tokens(good, system.admin)?)?;
        }
        Ok(Self { folder })
    }

    fn path(&self, set: TokenSet) -> PathBuf {
        self.folder.join(set.name())
    }
}

impl Route {
    fn path(self, resource: &str) -> String {
        match self {
            Self::Caller => "/api/caller".to_owned(),
            Self::Resource => format!("/api/resources/{resource}"),
            Self::Live => "/health/live".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_measures_every_case_once_and_begins_with_another() {
        let mut first = Vec::new();
        for round in 0..7 {
            let order = order(round, CASES.len());
            first.push(order[0]);
            let mut sorted = order;
            sorted.sort_unstable();
            assert_eq!(sorted, (0..CASES.len()).collect::<Vec<_>>());
        }
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 7);
    }

    #[test]
    fn an_earlier_build_is_measured_only_when_it_is_named() {
        let arguments = |before: Option<&str>| Arguments {
            rounds: 1,
            window: 1,
            connections: 1,
            only: Vec::new(),
            before: before.map(PathBuf::from),
            json: None,
        };
        let count = |before| {
            CASES.iter().filter(|case| case.who.is_earlier() && is_wanted(case, &arguments(before))).count()
        };
        assert_eq!((count(None), count(Some("folder"))), (0, 8));
    }

    #[test]
    fn every_ratio_is_of_cases_that_are_measured() {
        for limit in &case::LIMITS {
            for name in [limit.case, limit.against] {
                assert_eq!(CASES.iter().filter(|case| case.name == name).count(), 1, "{name}");
            }
        }
    }
}
