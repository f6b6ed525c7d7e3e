//! Finds the access token in a request.

use http::{HeaderMap, HeaderValue, header};

use super::error::{AuthenticationError, RequestFault};

/// The bearer credential of a request, whose characters are not checked yet.
///
/// It is read from the `Authorization` header only.
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
#[derive(Clone, Copy)]
pub(super) struct Credential<'h>(&'h [u8]);

impl<'h> Credential<'h> {
    pub(super) fn find(headers: &'h HeaderMap, query: Option<&str>) -> Result<Self, AuthenticationError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Err(AuthenticationError::NoCredential) };
        if values.next().is_some() {
            return Err(RequestFault::SeveralCredentials.into());
        }
        let credential = Self::in_header(value)?;
        if query.is_some_and(names_a_token) {
            return Err(RequestFault::TokenInQuery.into());
        }
        Ok(credential)
    }

    fn in_header(value: &'h HeaderValue) -> Result<Self, AuthenticationError> {
        let text = value.as_bytes().trim_ascii();
        let scheme = text.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            // An empty value and another scheme count as no credential; a value that is not text is malformed.
            let fault = |_| RequestFault::CredentialSyntax.into();
            return Err(value.to_str().map_or_else(fault, |_| AuthenticationError::NoCredential));
        }
        let rest = text.get(scheme.len()..).unwrap_or_default();
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        match rest.get(spaces..) {
            Some(token) if spaces > 0 => Ok(Self(token)),
            _ => Err(RequestFault::CredentialSyntax.into()),
        }
    }

    /// Returns the bytes as they were sent, for comparison only.
    pub(super) fn as_bytes(self) -> &'h [u8] {
        self.0
    }

    /// Returns the token, if it has the syntax of `b64token` (RFC 6750 section 2.1).
    pub(super) fn token(self) -> Result<&'h str, RequestFault> {
        let token = Some(self.0).filter(|bytes| is_b64token(bytes));
        token.and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or(RequestFault::CredentialSyntax)
    }
}

fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = token.get(..token.len() - padding).unwrap_or_default();
    let in_alphabet =
        |b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    // No early exit, so that the compiler can vectorize the loop.
    !body.is_empty() && body.iter().fold(true, |all, byte| all & in_alphabet(*byte))
}

fn names_a_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'h>(headers: &'h HeaderMap, query: &str) -> Result<&'h str, AuthenticationError> {
        Ok(Credential::find(headers, Some(query))?.token()?)
    }

    fn with(values: &[&[u8]]) -> HeaderMap {
        let value = |bytes: &&[u8]| (header::AUTHORIZATION, HeaderValue::from_bytes(bytes).unwrap());
        let mut headers = HeaderMap::new();
        headers.extend(values.iter().map(value));
        headers
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_around_white_space() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g== "] {
            assert_eq!(find(&with(&[value.as_bytes()]), "").unwrap(), "a.b-c_d~e+f/g==", "{value}");
        }
    }

    #[test]
    fn another_scheme_or_none_is_no_credential() {
        assert_eq!(find(&HeaderMap::new(), "access_token=x"), Err(AuthenticationError::NoCredential));
        for value in ["", "Basic dTpw", "DPoP a.b.c", "Bearera.b.c", "Bearer:a.b.c", "Bearer=a.b.c"] {
            let found = find(&with(&[value.as_bytes()]), "").map(str::to_owned);
            assert_eq!(found, Err(AuthenticationError::NoCredential), "{value}");
        }
    }

    #[test]
    fn a_credential_outside_the_syntax_is_malformed() {
        let values: [&[u8]; 15] = [
            b"Bearer \ta.b.c",
            b"Basic \xff",
            b"\xff",
            b"Bearer",
            b"Bearer ",
            b"Bearer    ",
            b"Bearer\ta.b.c",
            b"Bearer a.b.c x",
            b"Bearer a.b.c, realm=x",
            b"Bearer \"a\"",
            b"Bearer a;b",
            b"Bearer {}",
            b"Bearer =",
            b"Bearer a\xff",
            b"Bearer \xc3\xbc",
        ];
        for value in values {
            let found = find(&with(&[value]), "").map(str::to_owned);
            let expected = AuthenticationError::MalformedRequest(RequestFault::CredentialSyntax);
            assert_eq!(found, Err(expected), "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn two_credentials_are_malformed_whatever_they_are() {
        for values in [[&b"Bearer a.b.c"[..], b"Bearer a.b.c"], [b"Basic dTpw", b"Bearer a.b.c"]] {
            let headers = with(&values);
            let expected = AuthenticationError::MalformedRequest(RequestFault::SeveralCredentials);
            assert_eq!(find(&headers, ""), Err(expected));
        }
        let headers = with(&[b"Bearer a.b.c"]);
        for query in ["access_token=x", "limit=1&access%5Ftoken=x"] {
            let expected = AuthenticationError::MalformedRequest(RequestFault::TokenInQuery);
            assert_eq!(find(&headers, query), Err(expected));
        }
    }
}
