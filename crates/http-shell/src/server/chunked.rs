//! Finds the end of a chunked body (RFC 9112 section 7.1).

/// The position in a chunked body.
///
/// Only its end matters here: hyper reads the same bytes next and refuses malformed ones.
#[derive(Debug)]
pub(super) enum Chunked {
    /// In the line with a chunk's size.
    Size {
        size: u64,
        /// After the digits, in the extension.
        is_read: bool,
    },
    /// In a chunk; this many bytes of it and its line end remain.
    Data(u64),
    /// After the last chunk.
    Trailer { line_is_empty: bool },
    /// The body is over.
    Over,
}

impl Default for Chunked {
    fn default() -> Self {
        Self::Size { size: 0, is_read: false }
    }
}

impl Chunked {
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Consumes bytes of the body and returns those after it.
    pub(super) fn follow<'b>(&mut self, mut bytes: &'b [u8]) -> &'b [u8] {
        while let [first, rest @ ..] = bytes {
            bytes = match self {
                Self::Over => return bytes,
                Self::Data(length) => {
                    let passed = usize::try_from(*length).unwrap_or(usize::MAX).min(bytes.len());
                    *length -= passed as u64;
                    if *length == 0 {
                        *self = Self::default();
                    }
                    bytes.get(passed..).unwrap_or_default()
                }
                Self::Size { size, is_read } => {
                    match (char::from(*first).to_digit(16), first) {
                        (_, b'\n') if *size == 0 => *self = Self::Trailer { line_is_empty: true },
                        (_, b'\n') => *self = Self::Data(size.saturating_add(2)),
                        // hyper refuses a size that is too large.
                        (Some(digit), _) if !*is_read => {
                            *size = size.saturating_mul(16).saturating_add(digit.into());
                        }
                        _ => *is_read = true,
                    }
                    rest
                }
                Self::Trailer { line_is_empty } => {
                    match first {
                        b'\n' if *line_is_empty => *self = Self::Over,
                        b'\n' => *line_is_empty = true,
                        b'\r' => (),
                        _ => *line_is_empty = false,
                    }
                    rest
                }
            };
        }
        bytes
    }
}
