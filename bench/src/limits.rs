//! Checks figures against the promised limits of the resource-app.

/// The limits of one run; each is printed with its figure when it is checked.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    broken: Vec<String>,
}

impl Limits {
    /// Checks a figure against a maximum.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, limit: f64) {
        self.look(what, figure, ("<=", limit), figure <= limit);
    }

    /// Checks a figure against a minimum.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, limit: f64) {
        self.look(what, figure, (">=", limit), figure >= limit);
    }

    /// Checks a count against a maximum.
    pub(crate) fn at_most_count(&mut self, what: &str, count: u64, limit: u64) {
        #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 of anything here")]
        self.at_most(what, count as f64, limit as f64);
    }

    /// Checks a condition.
    pub(crate) fn holds(&mut self, what: &str, holds: bool) {
        self.note(what, holds);
        println!("{what:58} {:>33}", word(holds));
    }

    /// Records a check that was printed elsewhere.
    pub(crate) fn note(&mut self, what: &str, holds: bool) {
        if !holds {
            self.broken.push(what.to_owned());
        }
    }

    /// The broken limits.
    pub(crate) fn broken(&self) -> &[String] {
        &self.broken
    }

    fn look(&mut self, what: &str, figure: f64, (sign, limit): (&str, f64), holds: bool) {
        self.note(what, holds);
        let figure = if figure.fract() == 0.0 { format!("{figure:.0}") } else { format!("{figure:.2}") };
        println!("{what:58} {figure:>10} {sign} {limit:<6} {}", word(holds));
    }
}

pub(crate) fn word(holds: bool) -> &'static str {
    if holds { "holds" } else { "DOES NOT HOLD" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_its_limit_or_no_number_does_not_hold() {
        let mut limits = Limits::default();
        limits.at_most("a", 1.0, 1.0);
        limits.at_least("b", 1.0, 1.0);
        limits.at_most_count("c", 2, 2);
        limits.holds("d", true);
        assert_eq!(limits.broken(), [""; 0]);
        limits.at_most("e", 1.01, 1.0);
        limits.at_least("f", 0.99, 1.0);
        limits.at_most_count("g", 1, 0);
        limits.holds("h", false);
        limits.at_most("i", f64::NAN, 1.0);
        assert_eq!(limits.broken(), ["e", "f", "g", "h", "i"]);
    }
}
