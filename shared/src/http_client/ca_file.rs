//! The file of certificate authorities that are trusted in addition to the system's.

use std::path::Path;

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::settings::KeyProblem;

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeyProblem> {
    std::fs::read(path).map_err(|error| problem(path, &error.to_string()))
}

/// Returns the certificates in the file's bytes: PEM with any other text around, or a single certificate in DER.
///
/// Each is checked here, since reqwest's own error would not name the file.
pub(super) fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<Certificate>, KeyProblem> {
    let certificates = parse(bytes).map_err(|text| problem(path, &text))?;
    let from_der = |certificate: &CertificateDer<'_>| Certificate::from_der(certificate);
    certificates.iter().map(from_der).collect::<Result<_, _>>().map_err(|_| problem(path, "is unreadable"))
}

/// Parses certificates like [`certificates`], from bytes that are in no file.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    // The parser of PEM does not know a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_usable = |certificate: &CertificateDer<'_>| {
        RootCertStore::empty().add(certificate.clone().into_owned()).map_err(|error| error.to_string())
    };
    let der = CertificateDer::from(bytes.to_vec());
    if is_usable(&der).is_ok() {
        return Ok(vec![der]);
    }
    let mut certificates = Vec::new();
    for (index, block) in CertificateDer::pem_slice_iter(bytes).enumerate() {
        let number = index + 1;
        let certificate = block.map_err(|error| format!("its certificate {number} is broken: {error}"))?;
        is_usable(&certificate).map_err(|error| format!("its certificate {number} is unusable: {error}"))?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err("holds no certificate, neither in PEM nor in DER".to_owned());
    }
    Ok(certificates)
}

fn problem(path: &Path, text: &str) -> KeyProblem {
    KeyProblem::new("http_client.ca_file", format!("{}: {text}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue() -> (String, Vec<u8>) {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (issued.cert.pem(), issued.cert.der().to_vec())
    }

    #[test]
    fn certificates_are_found_in_every_form_that_tools_write() {
        let ((first, first_der), (second, second_der)) = (issue(), issue());
        let attributes = "Bag Attributes\n    friendlyName: x\nsubject=CN = x\n";
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for text in [
            format!("{first}{second}"),
            format!("{attributes}{first}\n\n{attributes}{second}# the end"),
            format!("{key}{first}{key}{second}"),
            format!("\u{feff}{first}{second}"),
            format!("{first}{second}").replace('\n', "\r\n"),
            format!("{first}{second}").trim_end().to_owned(),
        ] {
            let found = parse(text.as_bytes()).unwrap();
            assert_eq!(found.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>(), [&*first_der, &*second_der]);
        }
        assert_eq!(parse(&first_der).unwrap()[0].as_ref(), first_der);
    }

    #[test]
    fn a_broken_block_is_named_with_its_file() {
        let (good, der) = issue();
        let broken = good.replacen("MII", "AAA", 1);
        let no_base64 = good.replacen("MII", "!!!", 1);
        for (text, expected) in [
            (format!("{good}{broken}").into_bytes(), "its certificate 2 is unusable"),
            (format!("{good}{no_base64}").into_bytes(), "its certificate 2 is broken"),
            (der[..der.len() - 1].to_vec(), "holds no certificate"),
            (Vec::new(), "holds no certificate"),
        ] {
            let problem = certificates(Path::new("/etc/ca.pem"), &text).unwrap_err().to_string();
            assert!(problem.contains("/etc/ca.pem") && problem.contains(expected), "{problem}");
        }
    }
}
