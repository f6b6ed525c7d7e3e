//! Compares how long entra-token and azure_identity take for a cached token and its `Authorization` header value, on
//! one task and on two that contend.
//!
//! Run `cargo bench` in this folder. It prints the ratios and their limits last.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, StatusCode, Transport};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use criterion::{Criterion, criterion_group};
use entra_stand_in::Authority;
use entra_token::{TokenRequest, TokenRetriever, Version};
use http::HeaderValue;
use serde_json::Value;
use tokio::runtime::Runtime;

/// The benchmark groups, each with the highest allowed ratio of our time to azure_identity's.
const LIMITS: [(&str, f64); 2] = [("one task", 0.2), ("two tasks", 0.25)];

const SCOPE: &str = "api://b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4/.default";

/// Returns a token to azure_identity without a network.
#[derive(Debug)]
struct FixedResponse;

#[async_trait::async_trait]
impl HttpClient for FixedResponse {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let token = "x".repeat(1500);
        let body = format!(r#"{{"token_type":"Bearer","expires_in":86399,"access_token":"{token}"}}"#);
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), body))
    }
}

fn azure() -> Arc<ClientSecretCredential> {
    let transport = Some(Transport::new(Arc::new(FixedResponse)));
    let options = ClientSecretCredentialOptions {
        client_options: ClientOptions { transport, ..ClientOptions::default() },
    };
    let tenant = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
    ClientSecretCredential::new(tenant, tenant.to_owned(), Secret::new("secret"), Some(options)).unwrap()
}

async fn azure_header(credential: &ClientSecretCredential) -> HeaderValue {
    let token = credential.get_token(&[SCOPE], None).await.unwrap();
    HeaderValue::try_from(format!("Bearer {}", token.token.secret())).unwrap()
}

/// A retriever that acquires its one token from the stand-in.
async fn retriever() -> (TokenRetriever, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::builder().data_folder(folder.path()).spawn().await.unwrap();
    let tenant = authority.tenant().await.unwrap();
    let api = tenant.application("api").unwrap().role("Read").unwrap();
    let client = tenant.client("caller").unwrap().grant(&api, "Read").unwrap();
    let http = entra_token::HttpClient::trusting(authority.ca_certificate_pem()).unwrap();
    let request = TokenRequest {
        authority: tenant.authority(),
        client_id: client.client_id(),
        credentials: client.secret().clone().into(),
        resource: api.app_id_uri().parse().unwrap(),
        version: Version::V2,
    };
    (TokenRetriever::new(request, http), authority)
}

async fn our_header(retriever: &TokenRetriever) -> HeaderValue {
    retriever.authorization().await.unwrap()
}

async fn azure_rounds(credential: Arc<ClientSecretCredential>, rounds: u64) {
    for _ in 0..rounds {
        black_box(azure_header(&credential).await);
    }
}

async fn our_rounds(retriever: Arc<TokenRetriever>, rounds: u64) {
    for _ in 0..rounds {
        black_box(our_header(&retriever).await);
    }
}

/// Returns how long two concurrent tasks take.
async fn both<F: Future<Output = ()> + Send + 'static>(tasks: [F; 2]) -> Duration {
    let start = Instant::now();
    for task in tasks.map(tokio::spawn) {
        task.await.unwrap();
    }
    start.elapsed()
}

fn cached_token(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (retriever, _authority) = runtime.block_on(retriever());
    let credential = azure();

    let mut one = criterion.benchmark_group("one task");
    one.bench_function("entra_token", |b| b.to_async(&runtime).iter(|| our_header(&retriever)));
    one.bench_function("azure_identity", |b| b.to_async(&runtime).iter(|| azure_header(&credential)));
    one.finish();

    let retriever = Arc::new(retriever);
    let mut two = criterion.benchmark_group("two tasks");
    two.bench_function("entra_token", |b| {
        b.to_async(&runtime)
            .iter_custom(|rounds| both([(); 2].map(|()| our_rounds(Arc::clone(&retriever), rounds))));
    });
    two.bench_function("azure_identity", |b| {
        b.to_async(&runtime)
            .iter_custom(|rounds| both([(); 2].map(|()| azure_rounds(Arc::clone(&credential), rounds))));
    });
    two.finish();
}

criterion_group!(benches, cached_token);

/// The median that criterion just measured, in nanoseconds; `None` if the benches ran without measuring.
fn median(group: &str, function: &str) -> Option<f64> {
    let home = std::env::var_os("CRITERION_HOME").map(PathBuf::from);
    let target = || std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = home.unwrap_or_else(|| target().join("criterion"));
    let file = std::fs::read(folder.join(group).join(function).join("new/estimates.json")).ok()?;
    let estimates: Value = serde_json::from_slice(&file).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    for (group, limit) in LIMITS {
        if let (Some(ours), Some(theirs)) = (median(group, "entra_token"), median(group, "azure_identity")) {
            let ratio = ours / theirs;
            let verdict = if ratio <= limit { "within" } else { "ABOVE" };
            println!("{group}: entra_token / azure_identity = {ratio:.3}, {verdict} the limit of {limit}");
        }
    }
}
