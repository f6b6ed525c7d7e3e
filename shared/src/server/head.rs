//! What is strict about a request's head beyond the HTTP library's own parser.
//!
//! Two servers in a row that disagree where a request ends can be made to disagree about whose request it is ("request
//! smuggling"). The parser takes the permissive reading of RFC 9112 in these places; here the request is refused.

use std::net::Ipv6Addr;
use std::str::FromStr;

use memchr::memchr_iter;

/// How the end of a request's body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// `Content-Length`; without one there is no body.
    Bytes(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Why a request is refused before it reaches the HTTP library. The peer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a line ends without a carriage return")]
    BareLineFeed,
    #[error("there is no Host, or more than one, or a malformed one")]
    Host,
    #[error("Content-Length is not one number")]
    ContentLength,
    #[error("Transfer-Encoding is not `chunked` alone, or not of HTTP/1.1")]
    TransferEncoding,
    #[error("there are both Content-Length and Transfer-Encoding")]
    TwoLengths,
}

/// A complete head at the start of what a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The length of the head itself, its last line feed included.
    pub(super) bytes: usize,
    pub(super) body: Result<BodyLength, Refusal>,
}

/// Looks at the head that these bytes begin with; `None` while its end is not among them.
///
/// Whatever else is wrong with a head is left to the HTTP library, which reads it next.
pub(super) fn read(bytes: &[u8]) -> Option<Head> {
    let mut fields = Fields::default();
    let mut start = 0;
    for end in memchr_iter(b'\n', bytes) {
        let line = bytes.get(start..end)?;
        start = end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or_else(|| {
            fields.bare_line_feed = true;
            line
        });
        if line.is_empty() {
            return Some(Head { bytes: start, body: fields.body() });
        }
        fields.see(line);
    }
    None
}

#[derive(Debug, Default)]
struct Fields<'h> {
    request_line: Option<&'h [u8]>,
    bare_line_feed: bool,
    hosts: Seen<'h>,
    lengths: Seen<'h>,
    encodings: Seen<'h>,
}

/// The field of one name: its first value, and how many there are.
#[derive(Debug, Default)]
struct Seen<'h> {
    first: &'h [u8],
    count: usize,
}

impl<'h> Fields<'h> {
    fn see(&mut self, line: &'h [u8]) {
        if self.request_line.is_none() {
            self.request_line = Some(line);
        } else if let Some(value) = value(line, "host") {
            self.hosts.see(value);
        } else if let Some(value) = value(line, "content-length") {
            self.lengths.see(value);
        } else if let Some(value) = value(line, "transfer-encoding") {
            self.encodings.see(value);
        }
    }

    fn body(&self) -> Result<BodyLength, Refusal> {
        let is_http_10 = self.request_line.is_some_and(|line| line.ends_with(b" HTTP/1.0"));
        if self.bare_line_feed {
            return Err(Refusal::BareLineFeed);
        }
        match self.hosts.count {
            // HTTP/1.0 knows no Host.
            0 if is_http_10 => (),
            1 if is_host(self.hosts.first) => (),
            _ => return Err(Refusal::Host),
        }
        match (self.lengths.count, self.encodings.count) {
            (0, 0) => Ok(BodyLength::Bytes(0)),
            (1, 0) => number(self.lengths.first).map(BodyLength::Bytes).ok_or(Refusal::ContentLength),
            (_, 0) => Err(Refusal::ContentLength),
            (0, 1) if !is_http_10 && self.encodings.first.eq_ignore_ascii_case(b"chunked") => {
                Ok(BodyLength::Chunked)
            }
            (0, _) => Err(Refusal::TransferEncoding),
            _ => Err(Refusal::TwoLengths),
        }
    }
}

impl<'h> Seen<'h> {
    fn see(&mut self, value: &'h [u8]) {
        if self.count == 0 {
            self.first = value;
        }
        self.count += 1;
    }
}

/// The value of the field on this line, if that is its name; without the white space around it.
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

fn number<T: FromStr>(digits: &[u8]) -> Option<T> {
    // The standard library would take a sign as well.
    let digits = Some(digits).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Whether it is a host with or without a port (RFC 9110 section 7.2), and not empty.
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

fn is_port(port: &[u8]) -> bool {
    port.is_empty() || number::<u16>(port).is_some()
}

/// What RFC 3986 section 3.2.2 allows in a name.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &str) -> Result<BodyLength, Refusal> {
        let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
        let read = read(head.as_bytes()).unwrap();
        assert_eq!(read.bytes, head.len());
        read.body
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
        let body = |fields: &str| read(format!("GET / HTTP/1.0\r\n{fields}\r\n").as_bytes()).unwrap().body;
        assert_eq!(body(""), Ok(BodyLength::Bytes(0)));
        assert_eq!(body("Host: x\r\nHost: x\r\n"), Err(Refusal::Host));
        assert_eq!(body("Transfer-Encoding: chunked\r\n"), Err(Refusal::TransferEncoding));
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(read(&head[..end]), None, "{end}");
        }
        assert_eq!(read(&[head, &b"\r\n\r\n"[..]].concat()).map(|head| head.bytes), Some(head.len()));
    }
}
