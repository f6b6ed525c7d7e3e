//! Recognises names and addresses of this machine.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Returns whether a URL's host is `localhost` or a loopback address.
///
/// A name like `127.0.0.1.nip.io` is neither: DNS decides what it means.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns whether a request names this machine: it has one `Host`, which is loopback, and so is an absolute target's
/// host.
///
/// (An absolute target overrides `Host`, RFC 9112 section 3.2.2.) Any web site can make its own name resolve to 127.0.0.1
/// and then call unauthenticated services on this machine ("DNS rebinding"); the name in `Host` reveals that.
#[must_use]
pub fn has_loopback_host(uri: &Uri, headers: &HeaderMap) -> bool {
    has_host(uri, headers, is_loopback_host)
}

/// Returns whether a request has one `Host`, which is allowed, and so is an absolute target's host.
#[must_use]
pub fn has_host(uri: &Uri, headers: &HeaderMap, is_allowed: impl Fn(&str) -> bool) -> bool {
    if !uri.host().is_none_or(&is_allowed) {
        return false;
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| is_allowed(authority.host()))
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
