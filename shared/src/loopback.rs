//! What names this machine, and nothing else.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Whether a host, as a URL writes it, is this machine: `localhost` or a loopback address.
///
/// A name like `127.0.0.1.nip.io` is not: it means whatever DNS says.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a request was sent to this machine by name: it has one `Host`, and that is loopback, and so is the host of its
/// target where there is one (it counts in place of `Host`, RFC 9112 section 3.2.2).
///
/// A page of any web site can let its own name resolve to 127.0.0.1 and then use what is served here without
/// authentication ("DNS rebinding"); the name in `Host` gives it away.
#[must_use]
pub fn has_loopback_host(uri: &Uri, headers: &HeaderMap) -> bool {
    if !uri.host().is_none_or(is_loopback_host) {
        return false;
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| is_loopback_host(authority.host()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_localhost_and_loopback_addresses_are_this_machine() {
        for host in ["localhost", "LOCALHOST:5002", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:5002"] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            assert!(has_loopback_host(&"/".parse().unwrap(), &headers), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "0.0.0.0", "10.0.0.1", "a b"]
        {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            assert!(!has_loopback_host(&"/".parse().unwrap(), &headers), "{host}");
        }
        assert!(!has_loopback_host(&"/".parse().unwrap(), &HeaderMap::new()));
    }

    #[test]
    fn the_host_of_the_target_counts_as_well() {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
        for (target, is_this_machine) in [
            ("http://localhost/api", true),
            ("http://[::1]:5001/api", true),
            ("http://evil.example/api", false),
            ("http://127.0.0.1.nip.io/", false),
            ("evil.example:80", false),
        ] {
            assert_eq!(has_loopback_host(&target.parse().unwrap(), &headers), is_this_machine, "{target}");
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(has_loopback_host(&"/".parse().unwrap(), &headers));
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(!has_loopback_host(&"/".parse().unwrap(), &headers));
    }
}
