//! Recognises tokens and private keys in texts that are about to be shown.

/// The text in place of a token or a private key.
const HIDDEN: &str = "[hidden]";

/// The start of the base64url form of a JSON object, and so of each signed or encrypted JWT.
const JWT_START: &str = "eyJ";

/// The fewest characters after [`JWT_START`] that make a header.
const SHORTEST_HEADER: usize = 10;

/// The fewest characters of a token whose beginning is missing, and of its longest segment.
const SHORTEST_TOKEN: usize = 100;
const SHORTEST_SEGMENT: usize = 40;

/// Returns whether a text contains a JWT, a large part of one, or a private key in PEM.
#[cfg(any(test, feature = "arguments"))]
pub(crate) fn holds_credential(text: &str) -> bool {
    holds_private_key(text) || text.split(is_delimiter).any(is_token)
}

/// Replaces the tokens in a text, and a text with a private key as a whole.
pub(crate) fn without_credentials(text: &str) -> String {
    if holds_private_key(text) {
        return HIDDEN.to_owned();
    }
    let hide = |part: &str| match part.split_at(part.trim_end_matches(is_delimiter).len()) {
        (word, delimiter) if is_token(word) => format!("{HIDDEN}{delimiter}"),
        _ => part.to_owned(),
    };
    text.split_inclusive(is_delimiter).map(hide).collect()
}

fn holds_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
}

fn is_token(word: &str) -> bool {
    let starts_a_header = |at: usize| word.len() - at >= JWT_START.len() + SHORTEST_HEADER;
    let longest = word.split('.').map(str::len).max().unwrap_or_default();
    word.match_indices(JWT_START).any(|(at, _)| starts_a_header(at))
        || (word.len() >= SHORTEST_TOKEN && word.matches('.').count() >= 2 && longest >= SHORTEST_SEGMENT)
}

fn is_delimiter(character: char) -> bool {
    !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_in_any_text() {
        let token = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{}.c2ln", "a".repeat(80));
        let (cut, _) = token.split_at(20);
        let (_, rest) = token.split_at(5);
        for part in [token.as_str(), cut, rest] {
            for text in [part.to_owned(), format!("Bearer {part}"), format!("@{part}"), format!("x={part}&")]
            {
                assert!(holds_credential(&text), "{text}");
                let shown = without_credentials(&text);
                assert_eq!(shown, text.replace(part, HIDDEN));
            }
        }
        assert!(holds_credential("-----BEGIN RSA PRIVATE KEY-----\nMII"));
        assert_eq!(without_credentials("x: -----BEGIN PRIVATE KEY-----"), HIDDEN);
    }

    #[test]
    fn other_texts_stay() {
        let long = format!("/{}/token.txt", "folder/".repeat(40));
        let hash = "0123456789abcdef".repeat(8);
        for text in ["", "eyJ", "eyJ.txt", "/nowhere/token.txt: No such file", &long, &hash, "läuft … nicht"]
        {
            assert!(!holds_credential(text), "{text}");
            assert_eq!(without_credentials(text), text);
        }
    }
}
