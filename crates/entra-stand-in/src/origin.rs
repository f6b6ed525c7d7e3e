//! The base URL in documents and issuers, which is the one that the client used to reach the stand-in.

use std::net::{IpAddr, SocketAddr};

use entra_shared::azure_ad::Instance;
use entra_shared::settings::KeyProblem;
use http::HeaderMap;
use http::header::HOST;
use http::uri::Authority;
use url::Host;

/// Domains, with all subdomains, under which Microsoft issues tokens or serves its clouds.
pub(crate) const MICROSOFT: [&str; 21] = [
    "azure.cn",
    "azure.com",
    "azure.net",
    "azure.us",
    "b2clogin.com",
    "chinacloudapi.cn",
    "ciamlogin.com",
    "live.com",
    "microsoft.com",
    "microsoft.us",
    "microsoftonline-p.com",
    "microsoftonline.cn",
    "microsoftonline.com",
    "microsoftonline.de",
    "microsoftonline.us",
    "onmicrosoft.com",
    "sovcloud-identity.de",
    "sovcloud-identity.fr",
    "usgovcloudapi.net",
    "windows-ppe.net",
    "windows.net",
];

/// Domains under which Entra issues tokens, in all clouds; Microsoft's other domains have other kinds of issuers.
const ENTRA: [&str; 13] = [
    "b2clogin.com",
    "ciamlogin.com",
    "login.chinacloudapi.cn",
    "login.microsoft.com",
    "login.windows.net",
    "microsoftonline.cn",
    "microsoftonline.com",
    "microsoftonline.de",
    "microsoftonline.us",
    "sovcloud-identity.de",
    "sovcloud-identity.fr",
    "sts.chinacloudapi.cn",
    "sts.windows.net",
];

/// The host names and ports of the stand-in.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    names: Vec<String>,
    canonical: Instance,
    /// The canonical URL's host and port, as in a `Host` header.
    authority: String,
    /// The port that the server listens on; the public URL may have another.
    port: u16,
    pinned: bool,
}

impl Origin {
    /// Creates the origin of a server at this address, with these DNS names or a single public URL.
    pub(crate) fn new(
        names: &[String],
        public_url: Option<&Instance>,
        address: SocketAddr,
    ) -> Result<Self, KeyProblem> {
        let mut known = Vec::new();
        for name in names {
            known.push(own_name(name)?);
        }
        let first = known.first().ok_or_else(|| KeyProblem::new("server.names", "names nothing"))?;
        let canonical = match public_url {
            Some(url) if is_microsofts(url.url().host_str().unwrap_or_default()) => {
                return Err(KeyProblem::new("server.public_url", MICROSOFTS));
            }
            Some(url) => url.clone(),
            None => Instance::parse(&format!("https://{first}:{}", address.port()))
                .map_err(|error| KeyProblem::new("server.names", error.to_string()))?,
        };
        known.extend(addresses(address.ip()).into_iter().map(in_url));
        let authority = canonical.url().authority().to_owned();
        let (port, pinned) = (address.port(), public_url.is_some());
        Ok(Self { names: known, canonical, authority, port, pinned })
    }

    /// Returns the default base URL.
    pub(crate) fn canonical(&self) -> &Instance {
        &self.canonical
    }

    /// Returns the port that the server listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the base URL that the sender of these headers used.
    pub(crate) fn for_headers(&self, headers: &HeaderMap) -> Instance {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (self.pinned, hosts.next(), hosts.next()) {
            // The fast path: most clients use the canonical URL.
            (false, Some(host), None) if host == self.authority.as_str() => None,
            (false, Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
            _ => None,
        };
        host.filter(|host| self.is_own(host.host()) && !host.as_str().contains('@'))
            .and_then(|host| Instance::parse(&format!("https://{}", self.global(host.as_str()))).ok())
            .unwrap_or_else(|| self.canonical.clone())
    }

    /// Strips the region from a regional host, as MSAL makes it: a label before one of the other names.
    ///
    /// Entra's regional endpoints issue tokens under the global issuer.
    fn global<'h>(&self, host: &'h str) -> &'h str {
        let global = host.split_once('.').map(|(_, global)| global);
        let name = |host: &'h str| host.rsplit_once(':').map_or(host, |(name, _)| name);
        global.filter(|global| self.is_own(name(global))).unwrap_or(host)
    }

    /// Returns whether a host (without port) is one of the stand-in's names.
    pub(crate) fn is_own(&self, host: &str) -> bool {
        let own = |name: &String| name.eq_ignore_ascii_case(host);
        self.names.iter().any(own)
            || self.canonical.url().host_str().is_some_and(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Checks the DNS names before a certificate is issued for them, whose errors say less.
pub(crate) fn check_names(names: &[String]) -> Result<(), KeyProblem> {
    names.iter().try_for_each(|name| own_name(name).map(|_| ()))
}

/// Returns the IP addresses that clients may use in URLs for a listener at this address.
pub(crate) fn addresses(listen: IpAddr) -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    if !listen.is_unspecified() && !addresses.contains(&listen) {
        addresses.push(listen);
    }
    addresses
}

/// Formats an address for a URL: IPv6 in brackets.
pub(crate) fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

const MICROSOFTS: &str = "is a Microsoft host name, under which a stand-in never issues tokens";

fn own_name(name: &str) -> Result<String, KeyProblem> {
    let problem = |text: &str| KeyProblem::new("server.names", format!("`{name}` {text}"));
    if is_microsofts(name) {
        return Err(problem(MICROSOFTS));
    }
    match Host::parse(name) {
        Ok(Host::Domain(domain)) if domain == name.to_ascii_lowercase() => Ok(domain),
        _ => Err(problem("is not a DNS name")),
    }
}

/// Returns whether a host name belongs to Microsoft.
pub(crate) fn is_microsofts(host: &str) -> bool {
    is_below(host, &MICROSOFT)
}

/// Returns whether Entra itself issues tokens under a host name; Microsoft's other issuers, such as AKS clusters, are
/// not Entra.
pub(crate) fn is_entras(host: &str) -> bool {
    is_below(host, &ENTRA)
}

fn is_below(host: &str, domains: &[&str]) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    domains.iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn origin(names: &[&str], public_url: Option<&str>) -> Result<Origin, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let public_url = public_url.map(|url| Instance::parse(url).unwrap());
        Origin::new(&names, public_url.as_ref(), ([127, 0, 0, 1], 5000).into()).map_err(|e| e.to_string())
    }

    fn seen_by(origin: &Origin, hosts: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        origin.for_headers(&headers).to_string()
    }

    #[test]
    fn a_client_finds_the_name_and_port_it_used() {
        let origin = origin(&["localhost", "authority"], None).unwrap();
        for (host, expected) in [
            ("localhost:5000", "https://localhost:5000"),
            ("authority:7000", "https://authority:7000"),
            ("AUTHORITY", "https://authority"),
            ("127.0.0.1:5000", "https://127.0.0.1:5000"),
            ("[::1]:5000", "https://[::1]:5000"),
            ("evil.example:5000", "https://localhost:5000"),
            ("user@localhost:5000", "https://localhost:5000"),
            ("localhost:5000/x", "https://localhost:5000"),
            ("", "https://localhost:5000"),
        ] {
            assert_eq!(seen_by(&origin, &[host]), expected, "{host}");
        }
        assert_eq!(seen_by(&origin, &[]), "https://localhost:5000");
        assert_eq!(seen_by(&origin, &["authority", "authority"]), "https://localhost:5000");
    }

    #[test]
    fn under_a_regional_host_the_issuer_stays_the_global_one() {
        let origin =
            origin(&["localhost", "authority", "westus2.localhost", "westus2.authority"], None).unwrap();
        for (host, expected) in [
            ("westus2.localhost:5000", "https://localhost:5000"),
            ("westus2.authority", "https://authority"),
            ("WestUS2.Authority:7000", "https://authority:7000"),
            ("authority:5000", "https://authority:5000"),
            ("127.0.0.1:5000", "https://127.0.0.1:5000"),
        ] {
            assert_eq!(seen_by(&origin, &[host]), expected, "{host}");
        }
    }

    #[test]
    fn a_pinned_url_is_what_every_client_finds() {
        let origin = origin(&["localhost"], Some("https://entra.test/base")).unwrap();
        assert_eq!(seen_by(&origin, &["localhost:5000"]), "https://entra.test/base");
    }

    #[test]
    fn the_stand_in_is_never_known_by_a_name_of_microsofts() {
        for host in [
            "login.microsoftonline.com",
            "sts.windows.net",
            "LOGIN.MICROSOFTONLINE.US.",
            "microsoft.com",
            "contoso.ciamlogin.com",
            "contoso.b2clogin.com",
            "contoso.onmicrosoft.com",
            "portal.azure.us",
            "graph.microsoft.us",
            "login.sovcloud-identity.fr",
            "login.sovcloud-identity.de",
            "login.microsoftonline-p.com",
            "login.windows-ppe.net",
        ] {
            assert!(origin(&[host], None).unwrap_err().contains("Microsoft"), "{host}");
        }
        assert!(
            origin(&["localhost"], Some("https://login.microsoftonline.com"))
                .unwrap_err()
                .contains("public_url")
        );
        assert!(origin(&["notmicrosoft.com"], None).is_ok());
    }

    #[test]
    fn entra_issues_under_fewer_hosts_than_microsoft_has() {
        for host in
            ["login.microsoftonline.com", "sts.windows.net", "LOGIN.Microsoft.com.", "a.ciamlogin.com"]
        {
            assert!(is_entras(host), "{host}");
        }
        // The issuers of AKS and of Azure Pipelines, whose tokens federated credentials accept.
        for host in ["eastus.oic.prod-aks.azure.com", "vstoken.dev.azure.com", "issuer.example"] {
            assert!(!is_entras(host), "{host}");
        }
    }

    #[test]
    fn a_name_is_a_dns_name() {
        for wrong in ["", "a b", "a:1", "https://a", "127.0.0.1", "a/b"] {
            assert!(origin(&[wrong], None).is_err(), "{wrong}");
        }
        assert!(origin(&[], None).is_err());
    }
}
