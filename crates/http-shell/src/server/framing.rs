//! Where one request ends and the next begins, on the way from the peer to the HTTP library.

use super::chunked::Chunked;
use super::head::{BodyLength, Head, Refusal};

/// Follows the requests on one connection and says which the HTTP library must not see.
///
/// It decides nothing else: should it ever lose its place, a request is refused, or read by the library's own rules.
#[derive(Debug)]
pub(super) struct Framing {
    place: Place,
    max_header_bytes: usize,
    /// How many heads have come to their end and were not refused.
    heads: u64,
}

#[derive(Debug)]
enum Place {
    /// Before or in a head.
    Head(Head),
    /// In a body, with this many bytes to come.
    Body(u64),
    Chunked(Chunked),
    /// Nothing that follows is a request: the HTTP library refuses a head of this size.
    TooLarge {
        by_request_line: bool,
    },
    /// Nor here: a head was refused.
    Over,
}

/// A head that must not be seen, and how many of the bytes before it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) after: usize,
    pub(super) reason: Refusal,
}

impl Framing {
    pub(super) fn new(max_header_bytes: usize) -> Self {
        Self { place: Place::Head(Head::default()), max_header_bytes, heads: 0 }
    }

    /// How many whole heads have come.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the peer has begun a head that it has not finished.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(&self.place, Place::Head(head) if head.bytes() > 0)
    }

    /// Whether a head is as large as it is for its request line.
    pub(super) fn is_large_by_request_line(&self) -> bool {
        match &self.place {
            Place::Head(head) => self.is_most(head.request_line_bytes()),
            Place::TooLarge { by_request_line } => *by_request_line,
            _ => false,
        }
    }

    fn is_most(&self, bytes: usize) -> bool {
        bytes > self.max_header_bytes / 2
    }

    /// Whether the peer has begun a body that it has not finished.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self.place, Place::Body(_) | Place::Chunked(_))
    }

    /// Whether more may come that no request will be read from.
    pub(super) fn has_unread(&self) -> bool {
        self.is_in_body() || matches!(self.place, Place::TooLarge { .. } | Place::Over)
    }

    /// Follows what has come from the peer.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.place {
                Place::TooLarge { .. } | Place::Over => return Ok(()),
                Place::Body(length) => {
                    let passed = usize::try_from(*length).unwrap_or(usize::MAX).min(rest.len());
                    *length -= passed as u64;
                    if *length == 0 {
                        self.place = Place::Head(Head::default());
                    }
                    rest.get(passed..).unwrap_or_default()
                }
                Place::Chunked(chunked) => {
                    let rest = chunked.follow(rest);
                    if chunked.is_over() {
                        self.place = Place::Head(Head::default());
                    }
                    rest
                }
                Place::Head(_) => {
                    self.head(rest).map_err(|reason| Refused { after: bytes.len() - rest.len(), reason })?
                }
            };
        }
        Ok(())
    }

    /// Reads a head or more of one, and returns what follows it.
    fn head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Refusal> {
        let Place::Head(head) = &mut self.place else { return Ok(bytes) };
        // Empty lines before a request are passed over (RFC 9112 section 2.2).
        if head.bytes() == 0
            && let [b'\r' | b'\n', rest @ ..] = bytes
        {
            return Ok(rest);
        }
        let rest = head.follow(bytes);
        if head.bytes() > self.max_header_bytes {
            let request_line = head.request_line_bytes();
            self.place = Place::TooLarge { by_request_line: self.is_most(request_line) };
            return Ok(&[]);
        }
        let (Some(rest), body) = (rest, head.body()) else { return Ok(&[]) };
        self.heads += u64::from(body.is_ok());
        self.place = match body {
            Ok(BodyLength::Bytes(0)) => Place::Head(Head::default()),
            Ok(BodyLength::Bytes(length)) => Place::Body(length),
            Ok(BodyLength::Chunked) => Place::Chunked(Chunked::default()),
            Err(_) => Place::Over,
        };
        body.map(|_| rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\
        POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\nGET / HTTP/1.1\n\nfull\
        POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
        12;e=\"x\"\r\nGET / HTTP/1.1\n\n..\r\n1 \r\n.\r\n0\r\nTrailer: x\r\n\r\n\
        GET / HTTP/1.0\r\n\r\n";
    const BAD: &str = "GET / HTTP/1.1\r\nX: y\r\n\r\n";

    /// What gets through of `text` when it comes in pieces of this size.
    fn through(text: &str, piece: usize) -> (String, Option<Refusal>) {
        let mut framing = Framing::new(1024);
        let mut passed = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            if let Err(refused) = framing.follow(bytes) {
                passed.extend_from_slice(&bytes[..refused.after]);
                return (String::from_utf8(passed).unwrap(), Some(refused.reason));
            }
            passed.extend_from_slice(bytes);
        }
        assert!(!framing.has_unread(), "{text}");
        (String::from_utf8(passed).unwrap(), None)
    }

    #[test]
    fn a_bad_head_is_found_after_any_good_requests_however_the_bytes_come() {
        let text = format!("{GOOD}{BAD}{GOOD}");
        for piece in 1..=text.len() {
            assert_eq!(through(GOOD, piece), (GOOD.to_owned(), None), "{piece}");
            let (passed, reason) = through(&text, piece);
            assert_eq!(reason, Some(Refusal::Host), "{piece}");
            // Of the head itself too much may have been passed on, never its end.
            assert!(passed.starts_with(GOOD) && passed.len() < GOOD.len() + BAD.len(), "{piece}: {passed}");
        }
    }

    #[test]
    fn a_head_beyond_the_limit_is_followed_no_further() {
        let line = format!("X: {}", "y".repeat(1000));
        for (begin, by_request_line) in [("GET / HTTP/1.1\r\n", false), ("GET /", true)] {
            let mut framing = Framing::new(1024);
            framing.follow(begin.as_bytes()).unwrap();
            framing.follow(line.as_bytes()).unwrap();
            assert!(framing.is_in_head() && framing.is_large_by_request_line() == by_request_line);
            for rest in [&*line, "\r\n\r\n"] {
                framing.follow(rest.as_bytes()).unwrap();
                assert!(!framing.is_in_head() && framing.has_unread() && framing.heads() == 0);
                assert_eq!(framing.is_large_by_request_line(), by_request_line);
            }
            let mut framing = Framing::new(1024);
            framing.follow(format!("{begin}{line}{line}\r\n\r\n").as_bytes()).unwrap();
            assert!(framing.has_unread() && framing.is_large_by_request_line() == by_request_line);
        }
    }
}
