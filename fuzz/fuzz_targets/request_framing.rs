//! Checks that which requests are accepted does not depend on how their bytes are split.
//!
//! The first byte is the number of splits, and the second one the position of the first split.
#![no_main]

use http_shell::server::fuzzing::passed_on;
use libfuzzer_sys::fuzz_target;

/// Less than the limit of a head, in bytes. A head that reaches the limit is refused depending on where pieces end.
const MAX_BYTES: usize = 60 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let [size, offset, bytes @ ..] = bytes else { return };
    if bytes.len() > MAX_BYTES {
        return;
    }
    let (first, rest) = bytes.split_at(usize::from(*offset).min(bytes.len()));
    let mut pieces = vec![first];
    pieces.extend(rest.chunks(usize::from(*size) + 1));
    let (whole, reason) = passed_on(&[bytes]);
    let (cut, reason_when_cut) = passed_on(&pieces);
    assert_eq!(reason, reason_when_cut);
    // The beginning of a refused head may have been forwarded.
    assert!(bytes.starts_with(&cut) && cut.starts_with(&whole));
    assert_eq!(cut.len() == bytes.len(), reason.is_none());
});
