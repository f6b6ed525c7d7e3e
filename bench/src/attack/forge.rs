//! Generates an endless sequence of forged tokens from a seed; none of them is good.

use std::collections::HashSet;

use crate::sequence::Sequence;

/// Replacements for altered bytes: base64url, characters with a meaning in tokens, and others.
const ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=~+/,;:!\"'%&<>{}[]\\\x80\xff";

/// Headers of other signature algorithms, in base64url, to put before a good token's claims.
const HEADERS: [&str; 6] = [
    "eyJhbGciOiJub25lIn0",                                 // {"alg":"none"}
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",                // {"alg":"HS256","typ":"JWT"}
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",                // {"alg":"RS256","typ":"JWT"}
    "eyJhbGciOiJQUzI1NiIsImtpZCI6IiJ9",                    // {"alg":"PS256","kid":""}
    "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0", // {"alg":"RS256","kid":"../../dev/null"}
    "e30",                                                 // {}
];

/// The source of forged tokens.
#[derive(Debug)]
pub(super) struct Forge {
    good: Vec<Vec<u8>>,
    good_ones: HashSet<Vec<u8>>,
    catalogue: Vec<Vec<u8>>,
}

impl Forge {
    pub(super) fn new(good: Vec<String>, catalogue: Vec<Vec<u8>>) -> Self {
        let good: Vec<Vec<u8>> = good.into_iter().map(String::into_bytes).collect();
        Self { good_ones: good.iter().cloned().collect(), good, catalogue }
    }

    /// The forged token with this number: first those of the catalogue, then altered ones.
    pub(super) fn token(&self, seed: u64, number: u64) -> Vec<u8> {
        if let Some(token) = usize::try_from(number).ok().and_then(|number| self.catalogue.get(number)) {
            return token.clone();
        }
        let mut sequence = Sequence(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        loop {
            let token =
                if sequence.below(4) == 0 { self.bad(&mut sequence) } else { self.altered(&mut sequence) };
            // Some alterations leave a token good, such as replacing its header by itself.
            if !self.good_ones.contains(&token) {
                return token;
            }
        }
    }

    /// A bad token with at least two bytes replaced; a single one could make it good.
    fn bad(&self, sequence: &mut Sequence) -> Vec<u8> {
        let mut token = sequence.pick(&self.catalogue).cloned().unwrap_or_default();
        for _ in 0..2 + sequence.below(3) {
            replace(&mut token, sequence);
        }
        token
    }

    /// A good token with one change.
    fn altered(&self, sequence: &mut Sequence) -> Vec<u8> {
        let mut token = sequence.pick(&self.good).cloned().unwrap_or_default();
        let place = sequence.below(token.len());
        match sequence.below(8) {
            0..=2 => replace(&mut token, sequence),
            3 => token.insert(place, byte(sequence)),
            4 => drop(token.remove(place)),
            5 => token.truncate(place),
            6 => token = self.crossed(&token, sequence),
            _ => token = with_header(&token, sequence),
        }
        token
    }

    /// A token joined from parts of two good ones.
    fn crossed(&self, token: &[u8], sequence: &mut Sequence) -> Vec<u8> {
        let Some(other) = sequence.pick(&self.good) else { return Vec::new() };
        let (mine, others): (Vec<_>, Vec<_>) = (split(token).collect(), split(other).collect());
        let mut parts: Vec<&[u8]> = Vec::new();
        for _ in 0..3 + sequence.below(2) {
            let side = if sequence.below(2) == 0 { &mine } else { &others };
            parts.extend(sequence.pick(side).copied());
        }
        parts.join(&b'.')
    }
}

fn replace(token: &mut [u8], sequence: &mut Sequence) {
    let place = sequence.below(token.len());
    let byte = byte(sequence);
    if let Some(old) = token.get_mut(place) {
        *old = byte;
    }
}

fn with_header(token: &[u8], sequence: &mut Sequence) -> Vec<u8> {
    let header = sequence.pick(&HEADERS).copied().unwrap_or_default();
    let mut parts: Vec<&[u8]> = split(token).collect();
    if let Some(first) = parts.first_mut() {
        *first = header.as_bytes();
    }
    if let Some(signature) = parts.last_mut().filter(|_| sequence.below(2) == 0) {
        *signature = b"";
    }
    parts.join(&b'.')
}

fn split(token: &[u8]) -> impl Iterator<Item = &[u8]> {
    token.split(|byte| *byte == b'.')
}

fn byte(sequence: &mut Sequence) -> u8 {
    sequence.pick(ALPHABET).copied().unwrap_or(b'A')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_forged_token_is_a_good_one_and_the_same_number_makes_the_same() {
        let good = vec!["aaa.bbb.ccc".to_owned(), "aaa.ddd.eee".to_owned()];
        let forge = Forge::new(good, vec![b"x.y.z".to_vec()]);
        assert_eq!(forge.token(1, 0), b"x.y.z");
        for number in 1..20_000 {
            let token = forge.token(1, number);
            assert!(!forge.good_ones.contains(&token));
            assert_eq!(token, forge.token(1, number));
        }
    }
}
