//! Checks that a value of `Authorization` yields a token if, and only if, it has the allowed form.
#![no_main]

use entra_guard::authentication::fuzzing::bearer_token;
use http::HeaderValue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    assert_eq!(bearer_token(value).as_deref().map(str::as_bytes), expected(bytes));
});

/// A second implementation of RFC 6750 section 2.1: `bearer`, spaces, the characters of a token, then `=` signs only;
/// surrounding white space is allowed.
fn expected(bytes: &[u8]) -> Option<&[u8]> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !is_blank(byte))?;
    let end = bytes.iter().rposition(|byte| !is_blank(byte))?;
    let value = &bytes[start..=end];
    let (scheme, rest) = value.split_at_checked(6)?;
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    let token = &rest[spaces..];
    let characters = token
        .iter()
        .take_while(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
        .count();
    let padded = token[characters..].iter().all(|&byte| byte == b'=');
    (scheme.eq_ignore_ascii_case(b"bearer") && spaces > 0 && characters > 0 && padded).then_some(token)
}
