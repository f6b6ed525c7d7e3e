//! Checks a request's head more strictly than hyper's parser.
//!
//! If a proxy and this server disagree where a request ends, an attacker can smuggle a request into another client's
//! connection ("request smuggling"). Where RFC 9112 allows a lenient reading, hyper takes it; this module refuses the
//! request.

use std::net::Ipv6Addr;

use memchr::{memchr, memchr_iter};

/// How the end of a request's body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// `Content-Length`; without one there is no body.
    Bytes(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Why a request, or the rest of it, does not reach hyper; the peer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a request begins with an incomplete empty line, or with more than one")]
    EmptyLine,
    #[error("a line ends without a carriage return")]
    BareLineFeed,
    #[error("the request target has a fragment")]
    Fragment,
    #[error("there is no Host, or more than one, or a malformed one")]
    Host,
    #[error("Content-Length is not one number")]
    ContentLength,
    #[error("Transfer-Encoding is not `chunked` alone, or not of HTTP/1.1")]
    TransferEncoding,
    #[error("there are both Content-Length and Transfer-Encoding")]
    TwoLengths,
    #[error("the chunked body is malformed")]
    ChunkedBody,
}

/// A head that is being received.
///
/// Each line is checked at its end, so only the current line is kept, and of a long line only the parts that matter.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: usize,
    line: Line,
    fields: Fields,
}

impl Head {
    /// Returns the number of received bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns how many of them belong to the request line.
    pub(super) fn request_line_bytes(&self) -> usize {
        self.fields.request_line_bytes.unwrap_or(self.bytes)
    }

    /// Consumes bytes of the head and returns those after it; `None` before its end.
    ///
    /// Other errors are left to hyper, which reads the head next.
    pub(super) fn follow<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let mut rest = bytes;
        let mut is_over = false;
        for end in memchr_iter(b'\n', bytes) {
            let (line, after) = rest.split_at_checked(end + 1 - (bytes.len() - rest.len()))?;
            rest = after;
            self.fields.look_for_fragment(line);
            is_over = if self.line.length == 0 {
                self.fields.see(line, line.len())
            } else {
                self.line.push(line);
                let line = std::mem::take(&mut self.line);
                self.fields.see(&line.kept, line.length)
            };
            if is_over {
                break;
            }
        }
        if !is_over {
            self.fields.look_for_fragment(rest);
            self.line.push(rest);
            rest = &[];
        }
        self.bytes += bytes.len() - rest.len();
        is_over.then_some(rest)
    }

    /// Returns how the end of the body is found.
    ///
    /// # Errors
    /// The head is ambiguous or malformed.
    pub(super) fn body(&self) -> Result<BodyLength, Refusal> {
        self.fields.body()
    }
}

/// The longest line that is read, in bytes; a longer field that decides about the framing is malformed.
const LONGEST_READ: usize = 1024;

/// Bytes kept of a longer line's end, which holds the HTTP version of a request line.
const END_KEPT: usize = 16;

/// A line that came in pieces.
#[derive(Debug, Default)]
struct Line {
    /// The line. If it is long, its middle is left out.
    kept: Vec<u8>,
    length: usize,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let room = LONGEST_READ.saturating_sub(self.kept.len());
        let (start, rest) = bytes.split_at(room.min(bytes.len()));
        self.kept.extend_from_slice(start);
        self.kept.extend_from_slice(rest.get(rest.len().saturating_sub(END_KEPT)..).unwrap_or_default());
        let end = self.kept.len().saturating_sub(END_KEPT);
        if end > LONGEST_READ {
            self.kept.drain(LONGEST_READ..end);
        }
    }
}

/// The fields that decide about the framing.
#[derive(Debug, Default)]
struct Fields {
    request_line_bytes: Option<usize>,
    is_http_10: bool,
    has_bare_line_feed: bool,
    has_fragment: bool,
    hosts: Seen<()>,
    lengths: Seen<u64>,
    encodings: Seen<()>,
}

/// The fields of one name, as their number and the first value if it is well-formed.
#[derive(Debug, Default)]
struct Seen<T> {
    first: Option<T>,
    count: usize,
}

impl Fields {
    /// Looks for a `#` in a part of the request line, where hyper would silently drop it and what follows.
    ///
    /// Otherwise a proxy that allows or denies paths would judge another path than the one that is served.
    fn look_for_fragment(&mut self, bytes: &[u8]) {
        self.has_fragment |= self.request_line_bytes.is_none() && memchr(b'#', bytes).is_some();
    }

    /// Reads a line with its end; returns whether it is the last.
    fn see(&mut self, line: &[u8], length: usize) -> bool {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or_else(|| {
            self.has_bare_line_feed = true;
            line
        });
        let is_read = length <= LONGEST_READ;
        if line.is_empty() {
            return true;
        }
        if self.request_line_bytes.is_some() {
            self.see_field(line, is_read);
        } else {
            self.request_line_bytes = Some(length);
            self.is_http_10 = line.ends_with(b" HTTP/1.0");
        }
        false
    }

    /// Reads a field; the first letter rules out most names.
    fn see_field(&mut self, line: &[u8], is_read: bool) {
        match line {
            [b'h' | b'H', ..] => {
                if let Some(value) = value(line, "host") {
                    self.hosts.see(|| (is_read && is_host(value)).then_some(()));
                }
            }
            [b'c' | b'C', ..] => {
                if let Some(value) = value(line, "content-length") {
                    self.lengths.see(|| number(value).filter(|_| is_read));
                }
            }
            [b't' | b'T', ..] => {
                if let Some(value) = value(line, "transfer-encoding") {
                    self.encodings.see(|| (is_read && value.eq_ignore_ascii_case(b"chunked")).then_some(()));
                }
            }
            _ => (),
        }
    }

    fn body(&self) -> Result<BodyLength, Refusal> {
        if self.has_bare_line_feed {
            return Err(Refusal::BareLineFeed);
        }
        if self.has_fragment {
            return Err(Refusal::Fragment);
        }
        match self.hosts {
            // HTTP/1.0 has no Host.
            Seen { count: 0, .. } if self.is_http_10 => (),
            Seen { count: 1, first: Some(()) } => (),
            _ => return Err(Refusal::Host),
        }
        match (self.lengths.count, self.encodings.count) {
            (0, 0) => Ok(BodyLength::Bytes(0)),
            (1, 0) => self.lengths.first.map(BodyLength::Bytes).ok_or(Refusal::ContentLength),
            (_, 0) => Err(Refusal::ContentLength),
            (0, 1) if !self.is_http_10 && self.encodings.first.is_some() => Ok(BodyLength::Chunked),
            (0, _) => Err(Refusal::TransferEncoding),
            _ => Err(Refusal::TwoLengths),
        }
    }
}

impl<T> Seen<T> {
    fn see(&mut self, read: impl FnOnce() -> Option<T>) {
        if self.count == 0 {
            self.first = read();
        }
        self.count += 1;
    }
}

/// Returns the trimmed value of the field on this line if it has this name.
fn value<'h>(line: &'h [u8], name: &str) -> Option<&'h [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let mut value = rest.strip_prefix(b":")?;
    if !found.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = value {
        value = inner;
    }
    Some(value)
}

fn number(digits: &[u8]) -> Option<u64> {
    // The standard library would accept a sign.
    let digits = Some(digits).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Returns whether this is a host, not empty, with or without a port (RFC 9110 section 7.2).
fn is_host(value: &[u8]) -> bool {
    if let Some(rest) = value.strip_prefix(b"[") {
        let mut parts = rest.splitn(2, |&byte| byte == b']');
        let address = parts.next().and_then(|address| std::str::from_utf8(address).ok());
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
            && parts
                .next()
                .is_some_and(|rest| rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port));
    }
    let mut parts = value.splitn(2, |&byte| byte == b':');
    parts.next().is_some_and(|name| !name.is_empty() && name.iter().copied().all(is_name_byte))
        && parts.next().is_none_or(is_port)
}

/// Returns whether this is empty or a decimal number of 16 bits.
fn is_port(port: &[u8]) -> bool {
    let add = |number: u16, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    port.iter().try_fold(0, add).is_some()
}

/// Returns whether RFC 3986 section 3.2.2 allows the byte in a host name.
fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&'..=b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how a request's head delimits its body, for any division of its bytes into reads.
    fn read(text: &str) -> Result<BodyLength, Refusal> {
        let bodies = [1, 2, 7, text.len()].map(|piece| {
            let mut head = Head::default();
            let mut pieces = text.as_bytes().chunks(piece);
            let last = pieces.next_back().unwrap();
            for bytes in pieces {
                assert_eq!(head.follow(bytes), None, "{text:?}");
                assert!(head.line.kept.capacity() <= 4 * LONGEST_READ, "{}", head.line.kept.capacity());
            }
            assert_eq!(head.follow(last), Some(&b""[..]), "{text:?}");
            assert_eq!(head.bytes(), text.len());
            head.body()
        });
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{text:?}: {bodies:?}");
        bodies[0]
    }

    fn body(fields: &str) -> Result<BodyLength, Refusal> {
        read(&format!("POST / HTTP/1.1\r\n{fields}\r\n"))
    }

    #[test]
    fn the_end_of_a_body_is_found_in_one_way_or_the_request_refused() {
        let table: [(&str, Result<BodyLength, Refusal>); 17] = [
            ("", Ok(BodyLength::Bytes(0))),
            ("Content-Length: 5\r\n", Ok(BodyLength::Bytes(5))),
            ("content-length:\t5 \t\r\n", Ok(BodyLength::Bytes(5))),
            ("Transfer-Encoding: Chunked\r\n", Ok(BodyLength::Chunked)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(Refusal::ContentLength)),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(Refusal::ContentLength)),
            ("Content-Length: 5, 5\r\n", Err(Refusal::ContentLength)),
            ("Content-Length: +5\r\n", Err(Refusal::ContentLength)),
            ("Content-Length:\r\n", Err(Refusal::ContentLength)),
            ("Content-Length: 18446744073709551616\r\n", Err(Refusal::ContentLength)),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::TwoLengths)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(Refusal::TwoLengths)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::TransferEncoding)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(Refusal::TransferEncoding)),
            ("Transfer-Encoding: xchunked\r\n", Err(Refusal::TransferEncoding)),
            ("Transfer-Encoding:\u{b}chunked\r\n", Err(Refusal::TransferEncoding)),
            ("X: y\nContent-Length: 5\r\n", Err(Refusal::BareLineFeed)),
        ];
        for (fields, expected) in table {
            assert_eq!(body(&format!("Host: x\r\n{fields}")), expected, "{fields:?}");
        }
    }

    #[test]
    fn one_well_formed_host_is_required() {
        for host in ["x", "X.example:443", "127.0.0.1:5001", "[::1]", "[::1]:80", "x:", "a-b_c.~%41"] {
            assert_eq!(body(&format!("hOST:{host}\r\n")), Ok(BodyLength::Bytes(0)), "{host}");
        }
        let malformed = [
            "", " ", "a b", "a,b:c", "u@x", "x/", "x:80:80", "x:-1", "x:99999", "[::1", "[x]", "[::1]x", "ü",
        ];
        for host in malformed {
            assert_eq!(body(&format!("Host: {host}\r\n")), Err(Refusal::Host), "{host}");
        }
        assert_eq!(body(""), Err(Refusal::Host));
        assert_eq!(body("Host: x\r\nHost: x\r\n"), Err(Refusal::Host));
        assert_eq!(body("Host : x\r\n"), Err(Refusal::Host));
    }

    #[test]
    fn http_1_0_needs_no_host_and_knows_no_transfer_encoding() {
        let body = |fields: &str| read(&format!("GET / HTTP/1.0\r\n{fields}\r\n"));
        assert_eq!(body(""), Ok(BodyLength::Bytes(0)));
        assert_eq!(body("Host: x\r\nHost: x\r\n"), Err(Refusal::Host));
        assert_eq!(body("Transfer-Encoding: chunked\r\n"), Err(Refusal::TransferEncoding));
    }

    #[test]
    fn a_request_target_has_no_fragment() {
        let long = "x".repeat(2000);
        for target in ["/#", "/a#b", "/a?b#c", "http://x/#", &format!("/{long}#{long}")] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(read(&head), Err(Refusal::Fragment), "{target}");
        }
        assert_eq!(body("Host: x\r\nX: #\r\n"), Ok(BodyLength::Bytes(0)));
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let rest = b"\r\nGET / HTTP/1.1\r\n\r\n";
        for cut in 0..head.len() {
            let mut read = Head::default();
            assert_eq!(read.follow(&head[..cut]), None, "{cut}");
            assert_eq!(read.follow(&[&head[cut..], &rest[..]].concat()), Some(&rest[..]), "{cut}");
            assert_eq!(read.bytes(), head.len());
        }
    }

    #[test]
    fn long_lines_are_followed_and_decide_nothing_but_the_version() {
        let long = "x".repeat(20_000);
        let ok = Ok(BodyLength::Bytes(0));
        assert_eq!(body(&format!("Host: x\r\nAuthorization: {long}\r\n")), ok);
        assert_eq!(read(&format!("GET /{long} HTTP/1.0\r\n\r\n")), ok);
        assert_eq!(read(&format!("GET /{long} HTTP/1.1\r\n\r\n")), Err(Refusal::Host));
        assert_eq!(read(&format!("GET /{long} HTTP/1.0\n\r\n")), Err(Refusal::BareLineFeed));
        assert_eq!(body(&format!("Host: {long}\r\n")), Err(Refusal::Host));
        let (zeros, spaces) = ("0".repeat(2000), " ".repeat(2000));
        assert_eq!(body(&format!("Host: x\r\nContent-Length: {zeros}\r\n")), Err(Refusal::ContentLength));
        let encoding = format!("Host: x\r\nTransfer-Encoding: {spaces}chunked\r\n");
        assert_eq!(body(&encoding), Err(Refusal::TransferEncoding));
    }

    #[test]
    fn the_longest_line_that_is_read_is_the_same_whole_and_in_pieces() {
        for length in LONGEST_READ - 2..=LONGEST_READ + 2 {
            let host = format!("Host: {}\r\n", "x".repeat(length - "Host: \r\n".len()));
            let expected = if length <= LONGEST_READ { Ok(BodyLength::Bytes(0)) } else { Err(Refusal::Host) };
            assert_eq!(body(&host), expected, "{length}");
        }
    }
}
