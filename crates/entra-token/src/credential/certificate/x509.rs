//! Reads the parts of an X.509 certificate that a client assertion needs (RFC 5280 section 4.1).

use jiff::Timestamp;
use pkcs8::der::asn1::{AnyRef, BitStringRef, GeneralizedTime, UtcTime};
use pkcs8::der::{Decode, Error, ErrorKind, Reader, SliceReader, Tag};
use pkcs8::spki::SubjectPublicKeyInfoRef;

use crate::credential::CredentialProblem;

/// A certificate whose signature and extensions are not read, since the authority judges them.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) der: &'a [u8],
    /// The issuer's name in DER.
    pub(super) issuer: &'a [u8],
    /// The subject's name in DER.
    pub(super) subject: &'a [u8],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The public key in DER; for RSA, as in PKCS #1.
    pub(super) public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Parses one certificate in DER.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, CredentialProblem> {
        read(der).map_err(|_| CredentialProblem::NotACertificate)
    }
}

fn read(der: &[u8]) -> Result<Certificate<'_>, Error> {
    let mut reader = SliceReader::new(der)?;
    let parsed = reader.sequence(|certificate| {
        let parsed = certificate.sequence(|fields| read_fields(fields, der))?;
        AnyRef::decode(certificate)?; // signatureAlgorithm
        BitStringRef::decode(certificate)?; // signatureValue
        Ok::<_, Error>(parsed)
    })?;
    reader.finish()?;
    Ok(parsed)
}

/// Reads the fields of `TBSCertificate`.
fn read_fields<'a>(fields: &mut SliceReader<'a>, der: &'a [u8]) -> Result<Certificate<'a>, Error> {
    if Tag::peek(fields)?.is_context_specific() {
        AnyRef::decode(fields)?; // version
    }
    Tag::peek(fields)?.assert_eq(Tag::Integer)?;
    AnyRef::decode(fields)?; // serialNumber
    Tag::peek(fields)?.assert_eq(Tag::Sequence)?;
    AnyRef::decode(fields)?; // signature
    let issuer = fields.tlv_bytes()?;
    let (not_before, not_after) =
        fields.sequence(|validity| Ok::<_, Error>((read_time(validity)?, read_time(validity)?)))?;
    let subject = fields.tlv_bytes()?;
    let key = SubjectPublicKeyInfoRef::decode(fields)?.subject_public_key;
    let public_key = key.as_bytes().ok_or(ErrorKind::Value { tag: Tag::BitString })?;
    fields.drain(fields.remaining_len())?; // unique ids and extensions
    Ok(Certificate { der, issuer, subject, not_before, not_after, public_key })
}

/// Reads `Time`, in one of its two forms.
fn read_time(reader: &mut SliceReader<'_>) -> Result<Timestamp, Error> {
    let since_1970 = if Tag::peek(reader)? == Tag::UtcTime {
        UtcTime::decode(reader)?.to_unix_duration()
    } else {
        GeneralizedTime::decode(reader)?.to_unix_duration()
    };
    Timestamp::UNIX_EPOCH.checked_add(since_1970).map_err(|_| ErrorKind::DateTime.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Vec<u8> {
        pem::parse(include_str!("../../../tests/certificates/certificate.pem")).unwrap().into_contents()
    }

    #[test]
    fn a_certificate_of_openssl_is_parsed() {
        let der = certificate();
        let parsed = Certificate::parse(&der).unwrap();
        // `SEQUENCE` of the modulus and the exponent (RFC 8017 appendix A.1.1).
        assert_eq!((parsed.der, parsed.public_key.first()), (der.as_slice(), Some(&0x30)));
        assert!(parsed.not_before < parsed.not_after);
        assert_eq!(parsed.issuer.first(), Some(&0x30));
        assert_eq!(parsed.subject.first(), Some(&0x30));
    }

    #[test]
    fn a_certificate_that_is_cut_off_or_has_more_behind_it_is_refused() {
        let der = certificate();
        for length in 0..der.len() {
            let refused = Certificate::parse(der.get(..length).unwrap()).unwrap_err();
            assert_eq!(refused, CredentialProblem::NotACertificate, "{length}");
        }
        let longer = [der.as_slice(), &[0]].concat();
        assert_eq!(Certificate::parse(&longer).unwrap_err(), CredentialProblem::NotACertificate);
    }
}
