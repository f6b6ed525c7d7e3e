//! The checksum of a row: that what is read is what was written.
//!
//! SQLite has none for the pages of a database, and takes what a disk gives it.

use sha2::{Digest, Sha256};

/// The checksum of these columns, in their order: SHA-256 over each, with its length before it.
pub(super) fn of(columns: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for column in columns {
        hash.update(column.len().to_le_bytes());
        hash.update(column);
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_every_boundary_counts() {
        let checksum = of(&[b"ab", b"c"]);
        assert_eq!(checksum, of(&[b"ab", b"c"]));
        for other in [&[&b"a"[..], b"bc"][..], &[b"abc", b""], &[b"abc"], &[b"ab", b"b"], &[b"c", b"ab"]] {
            assert_ne!(checksum, of(other));
        }
    }
}
