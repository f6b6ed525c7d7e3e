//! Quotes texts for a POSIX shell, so that nothing from a manifest is ever run.

use crate::drift::one_line;

/// Returns a comment of one line.
pub(super) fn comment(text: &str) -> String {
    format!("# {}", one_line(text))
}

/// Returns the text as one word in single quotes, within which a shell expands nothing.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the text as one word in which variables replace the ids.
pub(super) fn quoted_with(text: &str, variables: &[(String, String)]) -> String {
    // Neither ids nor names of variables contain quotes.
    variables.iter().fold(quoted(text), |word, (id, name)| word.replace(id, &format!("'\"${name}\"'")))
}

/// Returns a variable's name, which is a prefix and those characters of the text that a name may contain.
pub(super) fn variable(prefix: &str, text: &str) -> String {
    let allowed: String = text.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("{prefix}_{allowed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_quotes_is_expanded() {
        assert_eq!(quoted("it's $(touch x) `y`"), r"'it'\''s $(touch x) `y`'");
        assert_eq!(comment("a\nrm -rf x"), "# a rm -rf x");
        let variables = [("1-2".to_owned(), "app_A".to_owned())];
        assert_eq!(quoted_with("api://1-2/x$y", &variables), r#"'api://'"$app_A"'/x$y'"#);
        assert_eq!(quoted_with("x", &variables), "'x'");
    }
}
