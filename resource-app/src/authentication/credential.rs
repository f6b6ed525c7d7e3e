//! Finds the access token in a request.

use http::{HeaderMap, HeaderValue, header};

use super::error::{AuthenticationError, RequestFault};

/// The access token of a request, from its `Authorization` header and from nowhere else.
///
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
pub(super) fn bearer_token<'h>(
    headers: &'h HeaderMap,
    query: Option<&str>,
) -> Result<&'h str, AuthenticationError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(AuthenticationError::NoCredential) };
    if values.next().is_some() {
        return Err(RequestFault::SeveralCredentials.into());
    }
    let token = in_header(value)?;
    if query.is_some_and(names_a_token) {
        return Err(RequestFault::TokenInQuery.into());
    }
    Ok(token)
}

fn in_header(value: &HeaderValue) -> Result<&str, AuthenticationError> {
    // Visible ASCII, spaces and tabs alone.
    let text = value.to_str().map_err(|_| RequestFault::CredentialSyntax)?.trim_matches([' ', '\t']);
    let scheme = text.split([' ', '\t']).next().unwrap_or_default();
    // An empty value is no credential, and another scheme's is none for us.
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthenticationError::NoCredential);
    }
    let rest = text.get(scheme.len()..).unwrap_or_default();
    let token = rest.trim_start_matches(' ');
    if rest.len() == token.len() || !is_b64token(token) {
        return Err(RequestFault::CredentialSyntax.into());
    }
    Ok(token)
}

fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

fn names_a_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'h>(headers: &'h HeaderMap, query: &str) -> Result<&'h str, AuthenticationError> {
        bearer_token(headers, Some(query))
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
        let values: [&[u8]; 12] = [
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
