//! Texts in a POSIX shell's script: nothing that a manifest says is ever run.

/// A comment of one line.
pub(super) fn comment(text: &str) -> String {
    format!("# {}", one_line(text))
}

/// A text without line breaks and other control characters.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One word: the text in single quotes, within which a shell expands nothing.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One word in which the value of a variable stands for each of the ids.
pub(super) fn quoted_with(text: &str, variables: &[(String, String)]) -> String {
    // The texts are ids: no quote is in one, and none is in the name of a variable.
    variables.iter().fold(quoted(text), |word, (id, name)| word.replace(id, &format!("'\"${name}\"'")))
}

/// A variable's name: a prefix and what of the text may stand in one.
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
