//! Compares how the checker and hyper read the same bytes; compiled for tests and for `fuzz/` only.
//!
//! Whatever the checker forwards, hyper must read as the same requests. The checker may refuse more.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use http::{Request, Response, Uri, Version, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::chunked::Chunked;
use super::framing::Framing;
use super::limits::Limits;

/// A request as one of the two parsers under comparison understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The method, a space, and the target.
    pub line: String,
    /// The bytes of the body, without the framing.
    pub body: Vec<u8>,
    /// Whether the whole body was read.
    pub is_complete: bool,
}

/// The result of checking some bytes.
#[derive(Debug, Default)]
pub struct Checked {
    /// The bytes that hyper would see.
    pub forwarded: Vec<u8>,
    /// Why the checker refused the rest of the bytes.
    pub refusal: Option<String>,
    /// The requests in them.
    pub requests: Vec<ReadRequest>,
    /// Whether there was a whole size line, an extension or a trailer of a chunked body.
    pub reached_chunks: bool,
}

/// Checks bytes that come in these pieces.
#[must_use]
pub fn forwarded(pieces: &[&[u8]]) -> (Vec<u8>, Option<String>) {
    let mut framing = Framing::new(Limits::default().max_header_bytes);
    let mut forwarded = Vec::new();
    for piece in pieces {
        if let Err(refused) = framing.follow(piece) {
            forwarded.extend(piece.iter().take(refused.after));
            return (forwarded, Some(refused.reason.to_string()));
        }
        forwarded.extend_from_slice(piece);
    }
    (forwarded, None)
}

/// Checks bytes one by one, and records the requests in them.
#[must_use]
pub fn checked(bytes: &[u8]) -> Checked {
    let mut framing = Framing::new(Limits::default().max_header_bytes);
    let (mut checked, mut head) = (Checked::default(), Vec::new());
    for byte in bytes {
        let (heads, is_data) = (framing.heads(), framing.is_in_data());
        if let Err(refused) = framing.follow(std::slice::from_ref(byte)) {
            checked.refusal = Some(refused.reason.to_string());
            break;
        }
        checked.forwarded.push(*byte);
        match framing.chunked() {
            None | Some(Chunked::Size { .. } | Chunked::Over) => (),
            Some(_) => checked.reached_chunks = true,
        }
        if framing.heads() > heads {
            head.push(*byte);
            checked.requests.push(ReadRequest {
                line: line(&std::mem::take(&mut head)),
                body: Vec::new(),
                is_complete: false,
            });
        } else if framing.is_in_head() {
            head.push(*byte);
        }
        if let Some(request) = checked.requests.last_mut() {
            request.body.extend(is_data.then_some(*byte));
            request.is_complete |= !framing.is_in_body();
        }
    }
    checked
}

/// Returns method and target of a head, the target as [`Uri`] writes it (`HTTP://x` becomes `http://x/`).
fn line(head: &[u8]) -> String {
    let line = String::from_utf8_lossy(head);
    let line = line.lines().next().and_then(|line| line.rsplit_once(' ')).unwrap_or_default().0;
    let (method, target) = line.split_once(' ').unwrap_or_default();
    target.parse::<Uri>().map_or_else(|_| line.to_owned(), |target| format!("{method} {target}"))
}

/// Returns the requests that hyper reads from these pieces, and whether it stopped before their end.
///
/// # Panics
/// The runtime cannot be started.
#[must_use]
#[expect(clippy::expect_used, reason = "for tests only")]
pub fn read_by_hyper(pieces: &[&[u8]]) -> (Vec<ReadRequest>, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let requests = Mutex::new(Vec::new());
    let is_last = AtomicBool::new(false);
    let record = |request: ReadRequest| {
        requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    };
    let service = service_fn(|request: Request<Incoming>| async {
        let (parts, mut body) = request.into_parts();
        let closes = parts.version == Version::HTTP_10 || parts.headers.contains_key(header::CONNECTION);
        is_last.fetch_or(closes, Relaxed);
        let mut read = ReadRequest {
            line: format!("{} {}", parts.method, parts.uri),
            body: Vec::new(),
            is_complete: false,
        };
        let is_complete = loop {
            match body.frame().await {
                None => break true,
                Some(Err(_)) => break false,
                Some(Ok(frame)) => read.body.extend(frame.into_data().unwrap_or_default()),
            }
        };
        record(ReadRequest { is_complete, ..read });
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let limit = Limits::default().max_header_bytes;
    let ended = runtime.block_on(async {
        let (mut peer, io) = tokio::io::duplex(1 << 20);
        let connection = http1::Builder::new()
            .half_close(true)
            // A limit of hyper's own ends a body that both read alike until then.
            .max_headers(1024)
            .header_read_timeout(None)
            .max_header_size(limit)
            .max_buf_size(limit)
            .serve_connection(TokioIo::new(io), service);
        let send = async {
            for piece in pieces {
                // Once it has refused, it reads no more.
                let _ = peer.write_all(piece).await;
                tokio::task::yield_now().await;
            }
            let _ = peer.shutdown().await;
        };
        tokio::join!(connection, send).0
    });
    let requests = std::mem::take(&mut *requests.lock().unwrap_or_else(PoisonError::into_inner));
    (requests, ended.is_err() || is_last.into_inner())
}

/// Compares both readers on bytes that come in these pieces.
///
/// # Panics
/// They differ.
#[must_use]
pub fn compare(pieces: &[&[u8]]) -> Checked {
    let bytes = pieces.concat();
    let checked = checked(&bytes);
    let (whole, reason) = forwarded(&[&bytes]);
    let (cut, reason_when_cut) = forwarded(pieces);
    assert_eq!((&reason, &reason), (&reason_when_cut, &checked.refusal), "the cut changed what is refused");
    // The beginning of a refused head may have been forwarded.
    assert!(bytes.starts_with(&cut) && cut.starts_with(&whole));
    assert_eq!(cut.len() == bytes.len(), reason.is_none());

    let mut left = cut.len();
    let seen: Vec<&[u8]> = pieces
        .iter()
        .map(|piece| {
            let (seen, _) = piece.split_at(piece.len().min(left));
            left -= seen.len();
            seen
        })
        .collect();
    let (read, has_stopped) = read_by_hyper(&seen);
    for (index, request) in read.iter().enumerate() {
        let expected = checked.requests.get(index);
        // What came of a request that did not come to its end depends on the cut.
        let is_same = expected.is_some_and(|expected| {
            request == expected
                || (!request.is_complete && request.line == expected.line && has_stopped)
                || (!request.is_complete && !expected.is_complete && request.line == expected.line)
        });
        assert!(is_same, "the checker read {expected:?}, hyper {request:?}");
    }
    let complete = |requests: &[ReadRequest]| requests.iter().filter(|request| request.is_complete).count();
    assert!(
        has_stopped || complete(&read) == complete(&checked.requests),
        "the checker read {:?}, hyper {read:?}",
        checked.requests
    );
    checked
}

/// Makes requests from the grammar of RFC 9112, with faults; each byte of `choices` decides one thing.
#[must_use]
pub fn requests(choices: &[u8]) -> Vec<u8> {
    let mut writer = Writer { choices: choices.iter(), text: Vec::new() };
    while writer.request().is_some() && writer.text.len() < 16 * 1024 {}
    writer.text
}

struct Writer<'c> {
    choices: std::slice::Iter<'c, u8>,
    text: Vec<u8>,
}

impl Writer<'_> {
    /// Writes one of these, most likely the first.
    fn one(&mut self, texts: &[&str]) -> Option<usize> {
        let choice = *self.choices.next()?;
        // One byte in 64 is written as it is, which may be a fault anywhere.
        if choice >= 252 {
            let byte = *self.choices.next()?;
            self.text.push(byte);
            return Some(0);
        }
        let index = if choice < 48 { usize::from(choice) % texts.len() } else { 0 };
        self.text.extend_from_slice(texts.get(index)?.as_bytes());
        Some(index)
    }

    /// Returns whether to repeat a part of the grammar.
    fn again(&mut self) -> Option<bool> {
        self.choices.next().map(|choice| *choice < 96)
    }

    fn line_end(&mut self) -> Option<usize> {
        self.one(&["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", " \r\n"])
    }

    fn request(&mut self) -> Option<()> {
        self.one(&["", "", "", "\r\n", "\n", "\r", "\r\n\r\n"])?;
        self.one(&[
            "POST /a HTTP/1.1",
            "GET /b HTTP/1.1",
            "PUT /c?d HTTP/1.1",
            "GET / HTTP/1.0",
            "GET /e#f HTTP/1.1",
        ])?;
        self.line_end()?;
        self.one(&["Host: x\r\n", "Host: x\r\n", "X: y\r\nhost:[::1]:1\r\n", "", "Host: x\r\nHost: y\r\n"])?;
        let framing = self.one(&[
            "Transfer-Encoding: chunked",
            "transfer-encoding:\tChunked ",
            "Content-Length: 3",
            "X: y",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Transfer-Encoding : chunked",
            "Content-Length: 3\r\nContent-Length: 3",
        ])?;
        self.line_end()?;
        self.line_end()?;
        match framing {
            2 | 6 => self.one(&["abc", "a\r\n", "\r\n\r", "abcGET / HTTP/1.1\r\n"]).map(|_| ()),
            0 | 1 | 4 | 5 => self.chunks(),
            _ => Some(()),
        }
    }

    fn chunks(&mut self) -> Option<()> {
        while self.again()? {
            self.one(&["3", "03", "0003", "3 ", "\t3", "+3", "0x3", "4", "00000000000000003"])?;
            self.extensions()?;
            self.line_end()?;
            self.one(&["abc", "\r\n\r", "0\r\n", "\n\n\n", "abcd"])?;
            self.line_end()?;
        }
        self.one(&["0", "00", "0 ", "-0"])?;
        self.extensions()?;
        self.line_end()?;
        while self.again()? {
            self.one(&["X", "Content-Length", "", " X", "\u{e9}", "X "])?;
            self.one(&[": y", ":", ":\t\u{e9} ", ": \0", ": a\nb", ": a\rb", " : y", ""])?;
            self.line_end()?;
        }
        self.line_end().map(|_| ())
    }

    fn extensions(&mut self) -> Option<()> {
        while self.again()? {
            self.one(&[";", " ; ", "\t;", ""])?;
            self.one(&["a", "b!", "", "a b", "\""])?;
            self.one(&["", "=c", " = \"d;e\"", "=\"f\\\"\"", "=\"", "=\"\r\n", "=\"\0\"", "=", " "])?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Generates pseudo-random bytes (`SplitMix64`).
    fn random(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56
        };
        (0..length).map(|_| u8::try_from(next()).unwrap()).collect()
    }

    #[test]
    fn hyper_reads_what_the_checker_forwards_as_the_same_requests() {
        const INPUTS: u64 = 3_000;
        let (mut reached, mut refused, mut several) = (0, 0, 0);
        for seed in 0..INPUTS {
            let choices = random(seed, 120);
            let bytes = requests(&choices);
            let size = usize::from(choices[0] % 40) + 1;
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let checked = compare(&pieces);
            reached += u64::from(checked.reached_chunks);
            refused += u64::from(checked.refusal.is_some());
            several += u64::from(checked.requests.iter().filter(|request| request.is_complete).count() > 1);
        }
        assert!(reached * 100 >= INPUTS * 30, "{reached} reached chunks");
        // Neither are most of them refused too early to be of use.
        assert!(several * 100 >= INPUTS * 10, "{several} had several requests, {refused} were refused");
    }
}
