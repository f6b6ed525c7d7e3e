//! Reads the body of an answer within a limit.

use bytes::Bytes;
use reqwest::Response;

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

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// The body is too large or incomplete.
pub async fn read_body(response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    read_bytes(response, limit).await.map(Vec::from)
}

/// Reads a body like [`read_body`], but without copying a short one: it shares the connection's buffer.
///
/// # Errors
/// As for [`read_body`].
pub async fn read_bytes(mut response: Response, limit: usize) -> Result<Bytes, BodyError> {
    // By chunks, since a declared length may be missing or wrong.
    let Some(first) = next_chunk(&mut response, 0, limit).await? else { return Ok(Bytes::new()) };
    let Some(second) = next_chunk(&mut response, first.len(), limit).await? else { return Ok(first) };
    let mut body = [first, second].concat();
    while let Some(chunk) = next_chunk(&mut response, body.len(), limit).await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Reads the next chunk, after `read` bytes.
async fn next_chunk(response: &mut Response, read: usize, limit: usize) -> Result<Option<Bytes>, BodyError> {
    let chunk = response.chunk().await.map_err(|error| BodyError::BrokenOff(error.without_url()))?;
    match chunk {
        Some(chunk) if read + chunk.len() > limit => Err(BodyError::TooLarge(limit)),
        chunk => Ok(chunk),
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
            assert_eq!(read_bytes(response(), whole.len()).await.unwrap(), whole);
            assert_eq!(read_body(response(), whole.len()).await.unwrap(), whole.as_bytes());
            if let Some(limit) = whole.len().checked_sub(1) {
                let outcome = read_bytes(response(), limit).await;
                assert!(matches!(outcome, Err(BodyError::TooLarge(l)) if l == limit), "{outcome:?}");
            }
        }
    }
}
