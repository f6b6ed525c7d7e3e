//! Tells RSA keys that were made by a faulty generator and can be factored (ROCA, CVE-2017-15361).
//!
//! The generator chose primes that are powers of 65537 modulo many small primes, so their product is one too. A sound
//! modulus is that for all of the small primes once in some 2^28 keys.
//!
//! <https://nvd.nist.gov/vuln/detail/CVE-2017-15361>

/// The odd primes for which every such key, from 512 bits on, is a power.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a modulus, its most significant byte first, looks as if that generator had made it.
pub(super) fn is_suspect(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let residue = modulus.iter().fold(0, |residue, byte| (residue * 256 + u32::from(*byte)) % prime);
        powers_of_65537(*prime).any(|power| power == residue)
    })
}

/// The powers from the first on, each once.
fn powers_of_65537(prime: u32) -> impl Iterator<Item = u32> {
    let next = move |power: &u32| Some(power * (65537 % prime) % prime).filter(|power| *power != 1);
    std::iter::successors(Some(1), next)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The product of the primes with `shift` zero bytes behind it, plus a residue of them all.
    pub(in super::super) fn multiple_of_all_primes(shift: usize, plus: u8) -> Vec<u8> {
        let mut digits = vec![1_u8];
        for prime in PRIMES {
            let mut carry = 0;
            for digit in &mut digits {
                let product = u32::from(*digit) * prime + carry;
                *digit = u8::try_from(product % 256).unwrap();
                carry = product / 256;
            }
            if carry > 0 {
                digits.push(u8::try_from(carry).unwrap());
            }
        }
        digits.reverse();
        digits.extend(vec![0; shift]);
        *digits.last_mut().unwrap() += plus;
        digits
    }

    #[test]
    fn a_modulus_that_is_a_power_of_65537_for_every_prime_is_suspect() {
        // 1 is a power for each, 2 is none for 11, and 0 for no one.
        assert!(is_suspect(&multiple_of_all_primes(200, 1)));
        assert!(!is_suspect(&multiple_of_all_primes(200, 2)));
        assert!(!is_suspect(&multiple_of_all_primes(200, 0)));
    }

    #[test]
    fn the_powers_are_those_of_the_subgroup() {
        for (prime, expected) in [(3, vec![1, 2]), (11, vec![1, 10]), (13, vec![1, 4, 3, 12, 9, 10])] {
            assert_eq!(powers_of_65537(prime).collect::<Vec<_>>(), expected);
        }
    }
}
