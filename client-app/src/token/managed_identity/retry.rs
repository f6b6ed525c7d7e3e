//! When the endpoint is asked again: by the rules that its documentation sets for its callers.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance>

use std::time::Duration;

use http::StatusCode;

use super::{IdentityEndpoint, ManagedIdentityError};

/// How often it is asked again while IMDS is being updated, which takes up to 70 seconds.
const UPDATE_RETRIES: u32 = 7;

/// How long to wait each time.
const UPDATE_WAIT: Duration = Duration::from_secs(10);

/// How often it is asked again for any other passing reason, after 1, 2 and 4 seconds.
const RETRIES: u32 = 3;

/// The longest wait that a caller is kept for at the endpoint's word; beyond it, the error says how long.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long to wait before asking again, after so many times in vain; or not at all.
pub(super) fn wait(
    endpoint: &IdentityEndpoint,
    error: &ManagedIdentityError,
    tried: u32,
) -> Option<Duration> {
    let ManagedIdentityError::Unavailable { status, retry_after, .. } = error else { return None };
    if *status == StatusCode::GONE && matches!(endpoint, IdentityEndpoint::Imds(_)) {
        return (tried < UPDATE_RETRIES).then_some(UPDATE_WAIT);
    }
    if tried >= RETRIES {
        return None;
    }
    let backoff = Duration::from_secs(1 << tried);
    let wait = retry_after.map_or(backoff, |asked| asked.max(backoff));
    (wait <= LONGEST_WAIT).then_some(wait)
}

/// Whether the endpoint's status means that it may answer later.
///
/// A 404 does, since IMDS comes up after the machine. 403 is what some proxies answer in its place.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::GONE
                | StatusCode::TOO_MANY_REQUESTS
        )
}

#[cfg(test)]
mod tests {
    use shared::secret::IdentityHeader;
    use url::Url;

    use super::*;

    fn waits(endpoint: &IdentityEndpoint, status: u16, retry_after: Option<u64>) -> Vec<u64> {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(is_passing(status));
        let retry_after = retry_after.map(Duration::from_secs);
        let error = ManagedIdentityError::Unavailable { host: String::new(), status, retry_after };
        (0..).map_while(|tried| wait(endpoint, &error, tried)).map(|wait| wait.as_secs()).collect()
    }

    #[test]
    fn the_waits_are_those_that_imds_asks_of_its_callers() {
        let imds = IdentityEndpoint::Imds(Url::parse("http://169.254.169.254").unwrap());
        for status in [404, 408, 429, 500, 503] {
            assert_eq!(waits(&imds, status, None), [1, 2, 4], "{status}");
        }
        assert_eq!(waits(&imds, 410, None), [10; 7]);
        assert_eq!(waits(&imds, 429, Some(3)), [3, 3, 4]);
        assert!(waits(&imds, 429, Some(60)).is_empty());
        let header = IdentityHeader::parse("x").unwrap();
        let url = Url::parse("http://127.0.0.1/msi/token").unwrap();
        assert_eq!(waits(&IdentityEndpoint::AppService { url, header }, 410, None), [1, 2, 4]);
        assert!(!is_passing(StatusCode::BAD_REQUEST) && !is_passing(StatusCode::FORBIDDEN));
    }
}
