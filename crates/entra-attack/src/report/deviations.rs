//! Known deviations, which a team allows or an earlier report has.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

use super::{Outcome, Report, Row};

/// The failed rows that do not count.
#[derive(Debug, Clone, Default)]
pub struct Deviations {
    allowed: Vec<Allowed>,
    baseline: Option<Report>,
    today: Date,
}

/// A list of allowed deviations that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a list of `[[allow]]` with `row` (the id of a row, a part of one before `*`, or of a finding), `reason`, and \
     `until` (a date)"
)]
pub struct InvalidList(#[from] toml::de::Error);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    allow: Vec<Allowed>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    row: String,
    reason: String,
    until: Date,
}

impl Deviations {
    /// Allows the deviations of a list in TOML, and those of an earlier report.
    ///
    /// # Errors
    /// The text is no such list.
    pub fn new(list: Option<&str>, baseline: Option<Report>) -> Result<Self, InvalidList> {
        let allowed = match list {
            Some(text) => toml::from_str::<List>(text)?.allow,
            None => Vec::new(),
        };
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        Ok(Self { allowed, baseline, today })
    }

    /// Returns why a failed row does not count.
    pub(crate) fn excuse(&self, row: &Row) -> Option<String> {
        let allowed = self.allowed.iter().find(|entry| entry.until >= self.today && entry.fits(row));
        if let Some(entry) = allowed {
            return Some(format!("allowed until {}: {}", entry.until, entry.reason));
        }
        let known = self.baseline.iter().flat_map(|report| &report.rows);
        known
            .into_iter()
            .any(|earlier| earlier.has_failed() && earlier.id == row.id)
            .then(|| "failed in the baseline too".to_owned())
    }

    /// Returns the rows that failed in the baseline and no longer do.
    pub(crate) fn fixed(&self, rows: &[Row]) -> Vec<String> {
        let earlier = self.baseline.iter().flat_map(|report| &report.rows).filter(|row| row.has_failed());
        let passes = |id: &str| rows.iter().any(|row| row.id == id && row.outcome == Outcome::Pass);
        earlier.filter(|row| passes(&row.id)).map(|row| row.id.clone()).collect()
    }

    /// Returns the entries that are past their end, or that no failed row fits.
    pub(crate) fn stale(&self, rows: &[Row]) -> Vec<String> {
        let describe = |entry: &Allowed| {
            if entry.until < self.today {
                Some(format!("{}: ended on {}", entry.row, entry.until))
            } else if rows.iter().any(|row| row.has_failed() && entry.fits(row)) {
                None
            } else {
                Some(format!("{}: nothing of that failed", entry.row))
            }
        };
        self.allowed.iter().filter_map(describe).collect()
    }
}

impl Allowed {
    fn fits(&self, row: &Row) -> bool {
        match self.row.strip_suffix('*') {
            Some(front) => row.id.starts_with(front),
            None => row.id == self.row || row.finding == self.row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings;

    fn row(id: &str) -> Row {
        Row::new(id, findings::named("expiry").unwrap(), "x", "401").failed()
    }

    #[test]
    fn a_deviation_is_allowed_by_row_prefix_or_finding_until_its_end() {
        for (entry, fits) in [
            ("token/time/exp-text", true),
            ("token/time/*", true),
            ("expiry", true),
            ("token/time", false),
            ("token/iss/*", false),
        ] {
            let list = |until: &str| {
                format!("[[allow]]\nrow = \"{entry}\"\nreason = \"known\"\nuntil = \"{until}\"\n")
            };
            let allowed = Deviations::new(Some(&list("2999-01-01")), None).unwrap();
            assert_eq!(allowed.excuse(&row("token/time/exp-text")).is_some(), fits, "{entry}");
            let ended = Deviations::new(Some(&list("2020-01-01")), None).unwrap();
            assert_eq!(ended.excuse(&row("token/time/exp-text")), None);
            assert!(ended.stale(&[])[0].contains("ended on 2020-01-01"));
        }
        assert!(Deviations::new(Some("[[allow]]\nrow = \"x\""), None).is_err());
    }
}
