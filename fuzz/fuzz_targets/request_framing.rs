//! Checks that hyper reads the bytes that the checker forwards as the same requests, however the bytes are split.
//!
//! The first byte is the size of the pieces. The second one says whether the rest are the bytes of requests, or choices by
//! which they are made from the grammar.
#![no_main]

use http_shell::server::fuzzing::{compare, requests};
use libfuzzer_sys::fuzz_target;

/// Less than the limits of a head and of a body's extensions and trailers, since both readers apply them piece by piece.
const MAX_BYTES: usize = 4 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let [size, is_raw, rest @ ..] = bytes else { return };
    let bytes = if *is_raw < 64 { rest.to_vec() } else { requests(rest) };
    if bytes.len() <= MAX_BYTES {
        let pieces: Vec<&[u8]> = bytes.chunks(usize::from(*size) + 1).collect();
        let _ = compare(&pieces);
    }
});
