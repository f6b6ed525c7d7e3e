//! Checks a chunked body (RFC 9112 section 7.1) and finds its end.

/// The body breaks the grammar; the peer is at fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The position in the bytes that were read last.
    pub(super) at: usize,
}

/// The position in a chunked body.
///
/// hyper is more lenient, for example with blanks, control characters and open quotes in extensions. What another
/// server in front reads differently could hide a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
    /// The position is in a chunk's size, of which this many digits were read.
    Size { size: u64, digits: u8 },
    /// The position is in the extensions of a chunk of this size.
    Extension { size: u64, part: Extension },
    /// The line feed at the end of the line with the size is expected.
    SizeEnd { size: u64 },
    /// The position is in a chunk's data, of which this many bytes remain.
    Data(u64),
    /// The carriage return after a chunk's data is expected.
    DataReturn,
    /// The line feed after a chunk's data is expected.
    DataEnd,
    /// The position is after the last chunk, in the trailer section.
    Trailer(Trailer),
    /// The body is over.
    Over,
}

/// The position in `*( BWS ";" BWS name [ BWS "=" BWS value ] )`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    /// The position is in blanks before a semicolon. The line cannot end here.
    BeforeSemicolon,
    /// The position is after a semicolon, where a name is expected.
    BeforeName,
    Name,
    /// The position is in blanks after a name. The line cannot end here.
    AfterName,
    /// The position is after an equals sign, where a value is expected.
    BeforeValue,
    Token,
    Quoted,
    /// The position is after a backslash in a quoted value.
    Escaped,
    /// The position is after the closing quote of a value.
    AfterQuote,
}

/// The position in `*( field-line CRLF ) CRLF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trailer {
    LineStart,
    Name,
    Value,
    LineEnd,
    /// The line feed of the empty line at the end is expected.
    LastEnd,
}

/// The most digits of a chunk's size, so that it fits into 64 bits.
const MOST_DIGITS: u8 = 16;

impl Default for Chunked {
    fn default() -> Self {
        Self::Size { size: 0, digits: 0 }
    }
}

impl Chunked {
    pub(super) fn is_over(self) -> bool {
        self == Self::Over
    }

    /// Consumes bytes of the body and returns those after it.
    ///
    /// # Errors
    /// The body is malformed.
    pub(super) fn follow<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Malformed> {
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            rest = match self {
                Self::Over => return Ok(rest),
                Self::Data(length) => {
                    let passed = usize::try_from(*length).unwrap_or(usize::MAX).min(rest.len());
                    *length -= passed as u64;
                    if *length == 0 {
                        *self = Self::DataReturn;
                    }
                    rest.get(passed..).unwrap_or_default()
                }
                _ => {
                    *self = self.after(*first).ok_or(Malformed { at: bytes.len() - rest.len() })?;
                    after
                }
            };
        }
        Ok(rest)
    }

    /// Returns the position after a byte that is not in a chunk's data; `None` if the byte is not allowed here.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < MOST_DIGITS =>
            {
                Self::Size { size: size << 4 | u64::from(char::from(byte).to_digit(16)?), digits: digits + 1 }
            }
            (Self::Size { digits: 0, .. }, _) => return None,
            (Self::Size { size, .. }, b'\r') => Self::SizeEnd { size },
            (Self::Size { size, .. }, b';') => Self::Extension { size, part: Extension::BeforeName },
            (Self::Size { size, .. }, b' ' | b'\t') => {
                Self::Extension { size, part: Extension::BeforeSemicolon }
            }
            (Self::Extension { size, part }, b'\r') if part.may_end() => Self::SizeEnd { size },
            (Self::Extension { size, part }, _) => Self::Extension { size, part: part.after(byte)? },
            (Self::SizeEnd { size: 0 }, b'\n') => Self::Trailer(Trailer::LineStart),
            (Self::SizeEnd { size }, b'\n') => Self::Data(size),
            (Self::DataReturn, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::default(),
            (Self::Trailer(Trailer::LastEnd), b'\n') => Self::Over,
            (Self::Trailer(part), _) => Self::Trailer(part.after(byte)?),
            _ => return None,
        })
    }
}

impl Extension {
    fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::AfterQuote)
    }

    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::BeforeSemicolon | Self::Name | Self::AfterName | Self::Token | Self::AfterQuote, b';') => {
                Self::BeforeName
            }
            (Self::BeforeSemicolon | Self::Token | Self::AfterQuote, b' ' | b'\t') => Self::BeforeSemicolon,
            (Self::BeforeName, b' ' | b'\t') => Self::BeforeName,
            (Self::BeforeName | Self::Name, _) if is_token(byte) => Self::Name,
            (Self::Name | Self::AfterName, b' ' | b'\t') => Self::AfterName,
            (Self::Name | Self::AfterName, b'=') | (Self::BeforeValue, b' ' | b'\t') => Self::BeforeValue,
            (Self::BeforeValue, b'"') => Self::Quoted,
            (Self::BeforeValue | Self::Token, _) if is_token(byte) => Self::Token,
            (Self::Quoted, b'"') => Self::AfterQuote,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, _) if is_text(byte) => Self::Quoted,
            _ => return None,
        })
    }
}

impl Trailer {
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::LineStart, b'\r') => Self::LastEnd,
            (Self::LineStart | Self::Name, _) if is_token(byte) => Self::Name,
            (Self::Name, b':') => Self::Value,
            (Self::Value, b'\r') => Self::LineEnd,
            (Self::Value, _) if is_text(byte) => Self::Value,
            (Self::LineEnd, b'\n') => Self::LineStart,
            _ => return None,
        })
    }
}

/// Returns whether RFC 9110 section 5.6.2 allows the byte in a token.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns whether the byte is a blank, visible, or not ASCII (RFC 9110 section 5.5).
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what follows the body, or where it is malformed, however its bytes come.
    fn read(body: &[u8]) -> Result<Vec<u8>, usize> {
        let reads = (1..=body.len()).map(|piece| {
            let (mut chunked, mut after, mut passed) = (Chunked::default(), Vec::new(), 0);
            for bytes in body.chunks(piece) {
                let rest = chunked.follow(bytes).map_err(|malformed| passed + malformed.at)?;
                after.extend_from_slice(rest);
                passed += bytes.len();
            }
            assert!(chunked.is_over() || after.is_empty());
            if chunked.is_over() { Ok(after) } else { Err(passed) }
        });
        let reads: Vec<_> = reads.collect();
        assert!(reads.iter().all(|read| *read == reads[0]), "{reads:?}");
        reads.into_iter().next().unwrap()
    }

    #[test]
    fn what_the_grammar_allows_is_followed_to_its_end() {
        let bodies = [
            "0\r\n\r\n",
            "1\r\n\n\r\n0\r\n\r\n",
            "00000000000000a\r\n0\r\n\r\n12345\r\n0\r\n\r\n",
            "1;a\r\nx\r\n0;b=c;d=\"e;\\\"\\\\ f\"\r\n\r\n",
            "1 \t;\ta\t = \tb ; c\r\nx\r\n0\r\n\r\n",
            "1;a=\"\u{e9}\t\"\r\nx\r\n0\r\n\r\n",
            "0\r\nX: y\r\nZ:\r\nW: \t\u{e9} v \r\n\r\n",
        ];
        for body in bodies {
            assert_eq!(read(format!("{body}GET").as_bytes()), Ok(b"GET".to_vec()), "{body:?}");
        }
    }

    #[test]
    fn anything_else_is_malformed_where_it_differs() {
        // A bar stands before the byte that is refused.
        let bodies = [
            "|\r\n",
            "|\n",
            "|;a\r\n",
            "| 1\r\n",
            "|x",
            "|-1",
            "|+1",
            "0|x1\r\n",
            "1|\n",
            "1\r|\r\n",
            "1\r|x",
            "0000000000000000|0\r\n",
            "1 |\r\n",
            "1\t|\r\n",
            "1 |\n",
            "1;|\r\n",
            "1;|;a\r\n",
            "1;|=a\r\n",
            "1;a |\r\n",
            "1;a=|\r\n",
            "1;a=b |\r\n",
            "1;a=b |c\r\n",
            "1;a |b\r\n",
            "1;a=b|\"\r\n",
            "1;a=b|=c\r\n",
            "1;a=\"b|\r\n",
            "1;a=\"b|\n",
            "1;a=\"b\\|\r\n",
            "1;a=\"b\"|c\r\n",
            "1;a=\"b\" |\r\n",
            "1;a|\0\r\n",
            "1;a=\"|\0\"\r\n",
            "1;a=\"|\x7f\"\r\n",
            "1;a=\"\\|\x01\"\r\n",
            "1;a|\n",
            "1;|\u{e9}\r\n",
            "1;a|(b)\r\n",
            "1\r\nx|\n",
            "1\r\nx|y",
            "1\r\nx\r|x",
            "1\r\nx\r\n|\r\n",
            "0\r\n|\n",
            "0\r\nX|\r\n",
            "0\r\n| X: y\r\n",
            "0\r\n|: y\r\n",
            "0\r\nX| : y\r\n",
            "0\r\nX: y|\n\r\n",
            "0\r\nX: y\r|X: y\r\n",
            "0\r\nX: y\r\n| z\r\n",
            "0\r\nX: |\0\r\n",
            "0\r\nX: |\x7f\r\n",
            "0\r\nX|\0: y\r\n",
            "0\r\n\r|x",
            "0\r\nX: y\r\n|\n",
        ];
        for body in bodies {
            let at = body.find('|').unwrap();
            let rest = body.replace('|', "") + "\r\n\r\n";
            assert_eq!(read(rest.as_bytes()), Err(at), "{body:?}");
        }
    }
}
