//! Prints the tables, and writes the JSON.

use serde_json::{Value, json};

use super::case::{Case, Figure, LIMITS, Limit};
use super::window::Window;
use crate::limits::{Limits, word};

/// Prints the cases with their medians, then the ratios with their limits.
pub(super) fn print(cases: &[&Case], rounds: &[Vec<Window>], limits: &mut Limits) {
    println!(
        "\n{:30} {:>10} {:>9} {:>8} {:>8} {:>6} {:>8}",
        "medians", "requests/s", "CPU us", "p50 us", "p99 us", "core", "refused"
    );
    for (number, case) in cases.iter().enumerate() {
        let median =
            |of: fn(&Window) -> f64| median(rounds.iter().filter_map(|round| round.get(number)).map(of));
        println!(
            "{:30} {:>10.0} {:>9.2} {:>8.0} {:>8.0} {:>5.0}% {:>7.0}%",
            case.name,
            median(|window| window.requests_per_second),
            median(|window| window.cpu_us),
            median(|window| window.p50_us),
            median(|window| window.p99_us),
            100.0 * median(|window| window.load),
            100.0 * median(|window| window.refused),
        );
    }
    println!("\n{:58} {:>10} {:>7} {:>15} {:>8}", "ratios", "of", "median", "lowest-highest", "limit");
    for limit in &LIMITS {
        if let Some(ratios) = ratios(limit, cases, rounds) {
            let (row, holds) = row(limit, ratios);
            limits.note(&format!("{} / {}", limit.case, limit.against), holds);
            println!("{row}");
        }
    }
}

/// Prints the servers' memory before and after the load.
pub(super) fn print_memory(idle: &[(&'static str, f64)], after: &[(&'static str, f64)]) {
    println!("\n{:34} {:>9} {:>9}", "memory (RSS), MiB", "idle", "after");
    for ((name, idle), (_, after)) in idle.iter().zip(after) {
        println!("{name:34} {idle:>9.1} {after:>9.1}");
    }
}

/// Every window of every round.
pub(super) fn json(cases: &[&Case], rounds: &[Vec<Window>]) -> Value {
    let case = |(number, case): (usize, &&Case)| {
        let windows: Vec<&Window> = rounds.iter().filter_map(|round| round.get(number)).collect();
        json!({ "case": case.name, "windows": windows })
    };
    let limit = |limit: &Limit| {
        let of = name(limit.of);
        let ratios = ratios(limit, cases, rounds)?;
        Some(
            json!({ "case": limit.case, "against": limit.against, "of": of, "limit": limit.wanted, "ratios": ratios }),
        )
    };
    json!({
        "cases": cases.iter().enumerate().map(case).collect::<Vec<_>>(),
        "ratios": LIMITS.iter().filter_map(limit).collect::<Vec<_>>(),
    })
}

/// The ratio of each round; nothing if one of the two cases was not measured.
fn ratios(limit: &Limit, cases: &[&Case], rounds: &[Vec<Window>]) -> Option<Vec<f64>> {
    let place = |name: &str| cases.iter().position(|case| case.name == name);
    let (case, against) = (place(limit.case)?, place(limit.against)?);
    let figure = |window: &Window| match limit.of {
        Figure::Cpu => window.cpu_us,
        Figure::Throughput => window.requests_per_second,
    };
    rounds.iter().map(|round| Some(figure(round.get(case)?) / figure(round.get(against)?))).collect()
}

/// A row of the table, and whether its limit holds.
fn row(limit: &Limit, ratios: Vec<f64>) -> (String, bool) {
    let what = format!("{} / {}", limit.case, limit.against);
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    let median = median(ratios);
    let (sign, holds) = match (limit.of, limit.wanted) {
        (_, None) => ("", true),
        (Figure::Cpu, Some(wanted)) => ("<=", median <= wanted),
        (Figure::Throughput, Some(wanted)) => (">=", median >= wanted),
    };
    let verdict =
        limit.wanted.map_or_else(String::new, |wanted| format!("{sign} {wanted:<5} {}", word(holds)));
    let span = format!("{lowest:.3}-{highest:.3}");
    (format!("{what:58} {:>10} {median:>7.3} {span:>15} {verdict}", name(limit.of)), holds)
}

fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::Cpu => "CPU",
        Figure::Throughput => "requests/s",
    }
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_beyond_its_limit_does_not_hold_and_one_without_a_limit_does() {
        let limit = |of, wanted| Limit { case: "a", against: "b", of, wanted };
        for (of, wanted, expected) in [
            (Figure::Cpu, Some(1.0), true),
            (Figure::Cpu, Some(0.9), false),
            (Figure::Throughput, Some(1.0), true),
            (Figure::Throughput, Some(1.1), false),
            (Figure::Cpu, None, true),
        ] {
            let (row, holds) = row(&limit(of, wanted), vec![0.8, 1.0, 1.2]);
            assert_eq!((holds, row.contains("DOES NOT")), (expected, !expected), "{row}");
        }
        assert!(!row(&limit(Figure::Cpu, Some(1.0)), Vec::new()).1);
    }

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
