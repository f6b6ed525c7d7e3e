//! Which requests are let through does not depend on how their bytes were cut up on the way.
//!
//! The first byte says how often to cut, and the second where first.
#![no_main]

use libfuzzer_sys::fuzz_target;
use http_shell::server::fuzzing::passed_on;

/// Below the limit of a head, in bytes. A head that reaches it is refused by where the pieces end, not by what they say.
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
    // Of a head that is refused, the beginning may have been passed on.
    assert!(bytes.starts_with(&cut) && cut.starts_with(&whole));
    assert_eq!(cut.len() == bytes.len(), reason.is_none());
});
