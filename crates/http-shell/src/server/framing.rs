//! Finds where one request ends and the next begins, before hyper reads the bytes.

use super::chunked::{Chunked, Malformed};
use super::head::{BodyLength, Head, Refusal};

/// Follows the requests on one connection and refuses ambiguous ones.
///
/// It decides nothing else. If it ever lost its position, a request would be refused, or read by hyper's own rules.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    max_header_bytes: usize,
    /// Complete heads that were not refused.
    heads: u64,
}

#[derive(Debug)]
enum State {
    /// The position is before a request. Nothing was read, or a part of the one empty line that may precede it.
    Before(EmptyLine),
    Head(Head),
    /// The position is in a body, of which this many bytes remain.
    Body(u64),
    Chunked(Chunked),
    /// The head had a size that hyper refuses, so no request follows.
    TooLarge {
        by_request_line: bool,
    },
    /// A request was refused, so no other follows.
    Over,
}

/// How much of an empty line was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EmptyLine {
    None,
    Return,
    Whole,
}

/// The reason why bytes are refused, with the number of bytes before them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) after: usize,
    pub(super) reason: Refusal,
}

impl State {
    const BEFORE: Self = Self::Before(EmptyLine::None);
}

impl Framing {
    pub(super) fn new(max_header_bytes: usize) -> Self {
        Self { state: State::BEFORE, max_header_bytes, heads: 0 }
    }

    /// Returns the number of complete heads.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    /// Returns whether the peer has begun a head that it has not finished.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(&self.state, State::Head(_))
    }

    /// Returns whether the last request has ended and no further one has begun.
    pub(super) fn is_between_requests(&self) -> bool {
        self.heads > 0 && matches!(self.state, State::Before(_))
    }

    /// Returns whether the request line is most of a head that is too large.
    pub(super) fn is_large_by_request_line(&self) -> bool {
        match &self.state {
            State::Head(head) => self.is_most(head.request_line_bytes()),
            State::TooLarge { by_request_line } => *by_request_line,
            _ => false,
        }
    }

    fn is_most(&self, bytes: usize) -> bool {
        bytes > self.max_header_bytes / 2
    }

    /// Returns whether the peer has begun a body that it has not finished.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self.state, State::Body(_) | State::Chunked(_))
    }

    /// Returns whether bytes may follow that belong to no further request.
    pub(super) fn has_unread(&self) -> bool {
        self.is_in_body() || matches!(self.state, State::TooLarge { .. } | State::Over)
    }

    /// Returns whether the next byte belongs to the content of a body.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_in_data(&self) -> bool {
        matches!(self.state, State::Body(_) | State::Chunked(Chunked::Data(_)))
    }

    /// Returns the position in a chunked body.
    #[cfg(any(test, fuzzing))]
    pub(super) fn chunked(&self) -> Option<Chunked> {
        if let State::Chunked(chunked) = self.state { Some(chunked) } else { None }
    }

    /// Follows received bytes.
    ///
    /// # Errors
    /// A head or a chunked body is refused.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            rest = match (&mut self.state, first) {
                (State::TooLarge { .. } | State::Over, _) => return Ok(()),
                (State::Before(line @ EmptyLine::None), b'\r') => {
                    *line = EmptyLine::Return;
                    after
                }
                (State::Before(line @ EmptyLine::Return), b'\n') => {
                    *line = EmptyLine::Whole;
                    after
                }
                // A line feed alone is no empty line, and a second empty line begins no request (RFC 9112 section 2.2).
                (State::Before(EmptyLine::Return), _) | (State::Before(_), b'\r' | b'\n') => {
                    return Err(self.refuse(Refusal::EmptyLine, bytes.len() - rest.len()));
                }
                (State::Before(_), _) => {
                    self.state = State::Head(Head::default());
                    rest
                }
                (State::Head(_), _) => {
                    self.head(rest).map_err(|reason| self.refuse(reason, bytes.len() - rest.len()))?
                }
                (State::Body(length), _) => {
                    let passed = usize::try_from(*length).unwrap_or(usize::MAX).min(rest.len());
                    *length -= passed as u64;
                    if *length == 0 {
                        self.state = State::BEFORE;
                    }
                    rest.get(passed..).unwrap_or_default()
                }
                (State::Chunked(chunked), _) => match chunked.follow(rest) {
                    Ok(after) => {
                        if chunked.is_over() {
                            self.state = State::BEFORE;
                        }
                        after
                    }
                    Err(Malformed { at }) => {
                        return Err(self.refuse(Refusal::ChunkedBody, bytes.len() - rest.len() + at));
                    }
                },
            };
        }
        Ok(())
    }

    fn refuse(&mut self, reason: Refusal, after: usize) -> Refused {
        self.state = State::Over;
        Refused { after, reason }
    }

    /// Consumes bytes of a head and returns those after it.
    fn head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Refusal> {
        let State::Head(head) = &mut self.state else { return Ok(bytes) };
        let rest = head.follow(bytes);
        if head.bytes() > self.max_header_bytes {
            let request_line = head.request_line_bytes();
            self.state = State::TooLarge { by_request_line: self.is_most(request_line) };
            return Ok(&[]);
        }
        let Some(rest) = rest else { return Ok(&[]) };
        let body = head.body()?;
        self.heads += 1;
        self.state = match body {
            BodyLength::Bytes(0) => State::BEFORE,
            BodyLength::Bytes(length) => State::Body(length),
            BodyLength::Chunked => State::Chunked(Chunked::default()),
        };
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\
        POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\nGET / HTTP/1.1\n\nfull\
        POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
        12;e=\"x\"\r\nGET / HTTP/1.1\n\n..\r\n1;e\r\n.\r\n0\r\nTrailer: x\r\n\r\n\
        GET / HTTP/1.0\r\n\r\n";
    const BAD: &str = "GET / HTTP/1.1\r\nX: y\r\n\r\n";

    /// Returns what passes of `text` when it comes in pieces of this size.
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
