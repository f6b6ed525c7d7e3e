//! Checks that keys are fetched only from the authority's own origin, and only for the expected issuer.
#![no_main]

use std::sync::LazyLock;

use entra_guard::authentication::fuzzing::key_set_url;
use entra_guard::authentication::keys::KeySource;
use entra_shared::azure_ad::{Authority, Instance};
use entra_shared::http_client::HttpClient;
use entra_shared::ids::TenantId;
use entra_shared::json::Object;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

static SOURCE: LazyLock<KeySource> = LazyLock::new(|| {
    let instance = Instance::parse("https://login.example").expect("an instance");
    let tenant = TenantId::parse("8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20").expect("a tenant");
    KeySource::new(HttpClient::trusting("").expect("a client"), Authority::new(instance, tenant, None))
});

fuzz_target!(|bytes: &[u8]| {
    let Some(url) = key_set_url(&SOURCE, bytes) else { return };
    assert_eq!(url.origin().ascii_serialization(), "https://login.example");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    // Both skip unneeded members without reading them, so that the whole need not be valid JSON.
    let Object(document): Object<Document> = serde_json::from_slice(bytes).expect("an object");
    assert_eq!(document.issuer, "https://login.example/8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20/v2.0");
});

#[derive(Deserialize)]
struct Document {
    issuer: String,
}
