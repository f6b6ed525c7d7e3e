//! Retrievers of tokens of a scripted authority.

use entra_token::{
    AppIdUri, Authority, ClientSecret, HttpClient, HttpClientSettings, Instance, TokenRequest,
    TokenRetriever, Version,
};

use crate::peer::{Peer, SECRET};

pub(crate) fn request(authority: &Peer) -> TokenRequest {
    let tenant_id = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20".parse().unwrap();
    TokenRequest {
        authority: Authority::new(Instance::parse(&authority.url).unwrap(), tenant_id, None),
        client_id: "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813".parse().unwrap(),
        credentials: ClientSecret::parse(SECRET).unwrap().into(),
        resource: AppIdUri::parse("api://b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4").unwrap(),
        version: Version::V2,
    }
}

/// A client that trusts this CA, with a time limit for each request.
pub(crate) fn http_client(ca_pem: &str, timeout_seconds: u64) -> HttpClient {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca_pem).unwrap();
    let seconds = |seconds: u64| seconds.try_into().unwrap();
    HttpClient::new(&HttpClientSettings {
        connect_timeout_seconds: seconds(5),
        timeout_seconds: seconds(timeout_seconds),
        ca_file: Some(ca_file),
    })
    .unwrap()
}

pub(crate) fn retriever(authority: &Peer) -> TokenRetriever {
    retriever_within(authority, 5)
}

pub(crate) fn retriever_within(authority: &Peer, timeout_seconds: u64) -> TokenRetriever {
    TokenRetriever::new(request(authority), http_client(&authority.ca_pem, timeout_seconds))
}
