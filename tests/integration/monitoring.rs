//! The alert rules and the dashboard: Prometheus accepts them, and every metric that they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::command::{run, run_script, skipped};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

#[tokio::test]
async fn prometheus_accepts_the_alert_rules_and_each_fires_for_its_cause_alone() {
    if let Err(reason) = run(Command::new("promtool").arg("--version")).await {
        skipped::<()>(&format!("no promtool here (package prometheus): {reason}"));
        return;
    }
    run_script(Command::new("promtool").args(["check", "rules", "alerts.yml"]).current_dir(folder())).await;
    run_script(Command::new("promtool").args(["test", "rules", "alerts.test.yml"]).current_dir(folder()))
        .await;
}

/// The names of the metrics that the services describe, with the series of their histograms.
fn described() -> BTreeSet<String> {
    let sources = [
        "crates/http-shell/src/metrics.rs",
        "crates/http-shell/src/server/status.rs",
        "resource-app/src/metrics.rs",
        "client-app/src/metrics.rs",
    ];
    let mut names = BTreeSet::new();
    for path in sources {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap();
        let quoted = text.split('"').skip(1).step_by(2);
        let is_name =
            |text: &&str| text.contains('_') && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        for name in quoted.filter(is_name) {
            names.extend([name.to_owned(), format!("{name}_bucket")]);
        }
        // These have no underscore but are metrics too, or have one name alone.
        names.extend(["verified_tokens", "signing_keys"].map(str::to_owned));
    }
    names
}

/// The words of an expression that could be metrics: followed by labels or a range, or alone.
fn metrics(expression: &str) -> BTreeSet<String> {
    // Neither strings nor what stands in braces or after `by` and `on` are metrics.
    let mut text = String::new();
    let mut depth = 0;
    for (place, part) in expression.split('"').enumerate() {
        if place % 2 == 0 {
            text.extend(part.chars().filter(|&c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth == 0 && c != '}'
            }));
        }
    }
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.contains('_') && !word.ends_with("_values") && *word != "histogram_quantile")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_of_the_rules_and_the_dashboard_exists() {
    let described = described();
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut expressions: Vec<String> =
        targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    let rules = read("alerts.yml");
    for rule in rules.split("- alert: ").skip(1) {
        let expression = rule.split("expr: ").nth(1).unwrap().split("        labels:").next().unwrap();
        expressions.push(expression.split("        for:").next().unwrap().trim_start_matches('|').to_owned());
    }
    assert!(expressions.len() > 30, "{}", expressions.len());
    let named: BTreeSet<String> = expressions.iter().flat_map(|expression| metrics(expression)).collect();
    assert!(named.len() > 15, "{named:?}");
    let missing: Vec<_> = named.difference(&described).collect();
    assert!(missing.is_empty(), "no service has {missing:?}");
}
