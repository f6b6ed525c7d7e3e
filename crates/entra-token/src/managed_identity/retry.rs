//! Retries requests to the endpoint, as its documentation asks.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance>

use std::time::Duration;

use http::StatusCode;

use super::IdentityEndpoint;
use crate::TokenError;

/// The number of retries while IMDS is updated, which takes up to 70 seconds.
const UPDATE_RETRIES: u32 = 7;

/// The wait before each of these retries.
const UPDATE_WAIT: Duration = Duration::from_secs(10);

/// The number of retries after any other transient error, after 1, 2 and 4 seconds.
const RETRIES: u32 = 3;

/// The longest `Retry-After` that is waited for. A longer one is returned in the error.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Sends a request until it succeeds, or no retry is left.
pub(super) async fn with_retries<T, F>(
    endpoint: &IdentityEndpoint,
    try_once: impl Fn() -> F,
) -> Result<T, TokenError>
where
    F: Future<Output = Result<T, TokenError>>,
{
    let mut tried = 0;
    loop {
        let error = match try_once().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !error.is_retryable() {
            return Err(error);
        }
        let (wait, retries) = plan(endpoint, &error, tried);
        if tried >= retries || wait > LONGEST_WAIT {
            // A throttled client sends no request for as long as it would have waited for the next retry.
            let is_throttled = matches!(error, TokenError::Throttled { .. });
            return Err(if is_throttled { error.with_wait(wait) } else { error });
        }
        tracing::debug!(%error, wait_seconds = wait.as_secs(), "retrying the managed identity request");
        tokio::time::sleep(wait).await;
        tried += 1;
    }
}

/// Returns the wait before the next retry, and how many retries there are in all.
fn plan(endpoint: &IdentityEndpoint, error: &TokenError, tried: u32) -> (Duration, u32) {
    let is_update = error.status() == Some(StatusCode::GONE) && matches!(endpoint, IdentityEndpoint::Imds(_));
    if is_update {
        return (UPDATE_WAIT, UPDATE_RETRIES);
    }
    (Duration::from_secs(1 << tried).max(error.retry_after().unwrap_or_default()), RETRIES)
}

/// Returns whether a request with this status may succeed later.
///
/// A 404 may, since IMDS starts after the machine. A 403 comes from some proxies.
pub(super) fn is_transient(status: StatusCode) -> bool {
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
    use std::cell::Cell;

    use entra_shared::secret::IdentityHeader;
    use tokio::time::Instant;
    use url::Url;
    use uuid::Uuid;

    use super::*;
    use crate::{ManagedIdentityFault, Outage, OutageCause, RequestIds};

    fn imds() -> IdentityEndpoint {
        IdentityEndpoint::Imds(Url::parse("http://169.254.169.254").unwrap())
    }

    fn failing(status: u16, retry_after: Option<u64>) -> TokenError {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(is_transient(status));
        let retry_after = retry_after.map(Duration::from_secs);
        let ids = RequestIds { correlation_id: Uuid::nil(), trace_id: None };
        if status == StatusCode::TOO_MANY_REQUESTS {
            return TokenError::Throttled { retry_after: retry_after.unwrap_or_default(), ids };
        }
        TokenError::Unavailable(Outage { cause: OutageCause::Status(status), retry_after, ids })
    }

    /// Returns the seconds at which an endpoint is asked if it always answers with this status.
    async fn asked_at(endpoint: &IdentityEndpoint, status: u16, retry_after: Option<u64>) -> Vec<u64> {
        let (start, asked) = (Instant::now(), Cell::new(Vec::new()));
        let ask = async || {
            let mut seconds = asked.take();
            seconds.push(start.elapsed().as_secs());
            asked.set(seconds);
            Err::<(), _>(failing(status, retry_after))
        };
        with_retries(endpoint, ask).await.unwrap_err();
        asked.take()
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_is_asked_again_as_imds_asks_of_its_callers() {
        for status in [404, 408, 429, 500, 503] {
            assert_eq!(asked_at(&imds(), status, None).await, [0, 1, 3, 7], "{status}");
        }
        assert_eq!(asked_at(&imds(), 410, None).await, [0, 10, 20, 30, 40, 50, 60, 70]);
        assert_eq!(asked_at(&imds(), 429, Some(3)).await, [0, 3, 6, 10]);
        assert_eq!(asked_at(&imds(), 429, Some(60)).await, [0]);
        let header = IdentityHeader::parse("x").unwrap();
        let url = Url::parse("http://127.0.0.1/msi/token").unwrap();
        let app_service = IdentityEndpoint::AppService { url, header };
        assert_eq!(asked_at(&app_service, 410, None).await, [0, 1, 3, 7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_client_is_told_how_long_the_endpoint_is_to_be_left_alone() {
        for (retry_after, left) in [(None, 8), (Some(3), 8), (Some(9), 9), (Some(60), 60)] {
            let ask = async || Err::<(), _>(failing(429, retry_after));
            let error = with_retries(&imds(), ask).await.unwrap_err();
            assert_eq!(error.retry_after(), Some(Duration::from_secs(left)), "{retry_after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_answer_ends_the_asking_and_so_does_what_will_not_pass() {
        let tried = Cell::new(0);
        let third = async || {
            tried.set(tried.get() + 1);
            if tried.get() == 3 { Ok("token") } else { Err(failing(500, None)) }
        };
        assert_eq!(with_retries(&imds(), third).await.unwrap(), "token");
        let unreachable = async || {
            tried.set(tried.get() + 1);
            Err::<(), _>(ManagedIdentityFault::NoEndpoint { host: String::new(), source: None }.into())
        };
        assert!(with_retries(&imds(), unreachable).await.is_err());
        assert_eq!(tried.get(), 4);
        assert!(!is_transient(StatusCode::BAD_REQUEST) && !is_transient(StatusCode::FORBIDDEN));
    }
}
