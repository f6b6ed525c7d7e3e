//! Reads the body of an answer within a limit.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use reqwest::{Body, Response};

/// Why the body of an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than the limit, in bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The body ended early or took too long.
    #[error("the answer broke off")]
    BrokenOff(#[source] reqwest::Error),
}

/// Reads a body of at most `limit` bytes, whatever length the answer declares.
///
/// # Errors
/// The body is too large or incomplete.
pub async fn read_body(response: Response, limit: usize) -> Result<Bytes, BodyError> {
    match Limited::new(Body::from(response), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(match error.downcast::<reqwest::Error>() {
            Ok(error) => BodyError::BrokenOff(error.without_url()),
            Err(_) => BodyError::TooLarge(limit),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body that comes in these chunks.
    struct Chunks(std::vec::IntoIter<&'static str>);

    impl hyper::body::Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.next().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes())))))
        }
    }

    #[tokio::test]
    async fn a_body_is_read_whole_in_however_many_chunks_it_comes_and_no_further_than_its_limit() {
        for chunks in [vec![], vec!["abc"], vec!["abc", "de"], vec!["", "abc", "de", "f", ""]] {
            let whole = chunks.concat();
            let response = || {
                let body = reqwest::Body::wrap(Chunks(chunks.clone().into_iter()));
                Response::from(http::Response::new(body))
            };
            assert_eq!(read_body(response(), whole.len()).await.unwrap(), whole);
            if let Some(limit) = whole.len().checked_sub(1) {
                let outcome = read_body(response(), limit).await;
                assert!(matches!(outcome, Err(BodyError::TooLarge(l)) if l == limit), "{outcome:?}");
            }
        }
    }
}
