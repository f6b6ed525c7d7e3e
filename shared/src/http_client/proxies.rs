//! The proxies that environment variables name.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, Proxy};
use url::{Position, Url};

use crate::settings::KeyProblem;

/// The variables and the schemes of the requests that they are for.
///
/// Not `HTTP_PROXY` in upper case, which CGI servers set from a request's `Proxy` header.
const VARIABLES: [(&[&str], &[&str]); 3] = [
    (&["HTTPS_PROXY", "https_proxy"], &["https"]),
    (&["http_proxy"], &["http"]),
    (&["ALL_PROXY", "all_proxy"], &["http", "https"]),
];

/// Adds the proxies of `HTTPS_PROXY`, `http_proxy` and `ALL_PROXY`; loopback and `NO_PROXY` bypass them.
///
/// # Errors
/// A variable is not the URL of an http proxy.
pub(super) fn with_proxies(builder: ClientBuilder) -> Result<ClientBuilder, KeyProblem> {
    with_variables(builder, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn with_variables(
    builder: ClientBuilder,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<ClientBuilder, KeyProblem> {
    let find = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, variable(name)?)));
    let bypass = Bypass::parse(&find(&["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default());
    let mut builder = builder.no_proxy();
    for (names, schemes) in VARIABLES {
        let Some((name, value)) = find(names) else { continue };
        let proxy = proxy_url(&value).ok_or_else(|| {
            let problem = format!("the variable {name} is not the URL of a proxy that speaks http or https");
            KeyProblem::new("http_client", problem)
        })?;
        let bypass = bypass.clone();
        let matcher = Matcher::builder().all(proxy.as_str()).no(bypass.hosts.as_str()).build();
        // A custom one, since reqwest's list of hosts to bypass knows no ports.
        builder = builder.proxy(Proxy::custom(move |url| {
            let target: Uri = url.as_str().parse().ok()?;
            let is_for = schemes.contains(&url.scheme()) && !bypass.names_port_of(url);
            (is_for && matcher.intercept(&target).is_some()).then(|| proxy.clone())
        }));
    }
    Ok(builder)
}

/// Says which proxy refuses (407) requests of this scheme, and what to do; `None` if no variable names one.
#[must_use]
pub fn refusal(scheme: &str) -> Option<String> {
    let names =
        VARIABLES.iter().filter(|(_, schemes)| schemes.contains(&scheme)).flat_map(|(names, _)| *names);
    let (name, url) = names.copied().find_map(|name| Some((name, proxy_url(&std::env::var(name).ok()?)?)))?;
    let remedy = if url.username().is_empty() {
        "put credentials into its URL: http://user:password@host"
    } else {
        "it refuses the credentials in its URL"
    };
    let proxy = &url[Position::BeforeHost..Position::AfterPort];
    Some(format!("the proxy {proxy} (variable {name}) answered 407 Proxy Authentication Required; {remedy}"))
}

/// Parses the URL of a proxy; like curl, takes one without a scheme for http.
fn proxy_url(text: &str) -> Option<Url> {
    let url = if text.contains("://") { text.parse() } else { format!("http://{text}").parse() };
    url.ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The targets that are reached without a proxy.
#[derive(Debug, Clone)]
struct Bypass {
    /// Hosts, domains and networks, in the syntax of [`Matcher`].
    hosts: String,
    /// Hosts with a port.
    ports: Vec<(String, u16)>,
}

impl Bypass {
    /// Parses `NO_PROXY`. Entries are separated by commas or blanks, and `*.x` means `.x`.
    fn parse(list: &str) -> Self {
        let mut hosts = vec!["localhost", "127.0.0.0/8", "::1"];
        let mut ports = Vec::new();
        for entry in list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()) {
            let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
            let with_port =
                entry.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
            match with_port.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
                Some((host, port)) => ports.push((host.to_lowercase(), port)),
                None => hosts.push(entry),
            }
        }
        Self { hosts: hosts.join(","), ports }
    }

    /// Returns whether a host with this URL's port is listed; a listed host that begins with a dot is a domain.
    fn names_port_of(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.ports.iter().any(|(listed, port)| {
            let is_host = host == listed.trim_start_matches('.') || {
                let domain = listed.strip_prefix('.').unwrap_or(listed);
                host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
            };
            is_host && url.port_or_known_default() == Some(*port)
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Client;

    use super::*;

    #[test]
    fn a_list_without_proxies_takes_ports_wildcards_and_blanks() {
        let bypass = Bypass::parse(
            "*.contoso.com, api.example:8443 .corp.example:443\tlocal 10.0.0.0/8,[fd00::1]:80 ::2",
        );
        assert_eq!(bypass.hosts, "localhost,127.0.0.0/8,::1,.contoso.com,local,10.0.0.0/8,::2");
        for (url, expected) in [
            ("https://api.example:8443/", true),
            ("https://api.example/", false),
            ("https://v1.api.example:8443/", true),
            ("https://notapi.example:8443/", false),
            ("https://x.corp.example/", true),
            ("http://x.corp.example/", false),
            ("http://[fd00::1]/", true),
            ("http://[fd00::1]:81/", false),
        ] {
            assert_eq!(bypass.names_port_of(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_variable_that_names_no_http_proxy_is_an_error_that_names_the_variable() {
        for url in ["socks5://proxy:1080", "socks5h://proxy", "ftp://proxy", "http://", "://"] {
            for (names, _) in VARIABLES {
                let variable = |name: &str| (name == names[0]).then(|| url.to_owned());
                let problem = with_variables(Client::builder(), variable).unwrap_err().to_string();
                assert!(problem.contains(names[0]), "{url}: {problem}");
            }
        }
        for url in ["http://proxy:3128", "https://proxy", "proxy:3128", "http://user:canary@proxy"] {
            let variable = |name: &str| (name == "HTTPS_PROXY").then(|| url.to_owned());
            assert!(with_variables(Client::builder(), variable).is_ok(), "{url}");
        }
    }
}
