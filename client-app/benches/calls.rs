//! Measures the overhead of `ResourceClient::list` over the same request with a fixed header, sent by the same HTTP
//! client and deserialized into the same type.
//!
//! `cargo bench -p client-app --bench calls` measures both in alternating windows, in which every task makes one call
//! after another. It prints the median of the ratios and its limit. The resource responds from memory, in its own runtime.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use client_app::resource_client::{Paging, ResourceClient};
use entra_shared::resource::ResourcePage;
use entra_token::BaseUrl;
use entra_token::{HttpClient, TokenRequest, TokenRetriever, Version};
use http::{HeaderValue, header};
use http_shell::server::Server;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The lowest allowed ratio of the client's throughput to that with the fixed header.
const LIMIT: f64 = 0.9;

/// The number of concurrent tasks.
const TASKS: usize = 16;

/// The number of measured pairs of windows; the first is a warm-up and does not count.
const ROUNDS: usize = 81;

/// The length of a window; short, so that other load on the machine affects both windows of a pair.
const WINDOW: Duration = Duration::from_millis(150);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // `cargo test --benches` only checks that the benchmark runs.
    let (rounds, window) = if std::env::args().any(|argument| argument == "--bench") {
        (ROUNDS, WINDOW)
    } else {
        (2, Duration::from_millis(20))
    };
    let serving = Runtime::new()?;
    let (url, shutdown) = serving.block_on(resource())?;
    let measured = Runtime::new()?.block_on(measure(&url, rounds, window));
    shutdown.cancel();
    measured
}

async fn measure(url: &str, rounds: usize, window: Duration) -> Result<(), Failure> {
    // Keeps the token's authority running until the end.
    let (client, http, _authority) = client(url).await?;
    let authorization = client.token_retriever().authorization().await?;
    let (mut ratios, mut windows) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        // Alternates the order, so that neither always runs first.
        let (fixed, ours) = if round % 2 == 0 {
            let fixed = with_fixed_header(&http, url, &authorization, window).await?;
            (fixed, with_client(&client, window).await?)
        } else {
            let ours = with_client(&client, window).await?;
            (with_fixed_header(&http, url, &authorization, window).await?, ours)
        };
        if round > 0 {
            ratios.push(ours.rate / fixed.rate);
            windows[0].push(fixed);
            windows[1].push(ours);
        }
    }
    let [fixed, ours] = windows.map(|windows| Totals::from_windows(&windows));
    let (lowest, highest) = ratios.iter().fold((f64::MAX, 0.0_f64), |(l, h), r| (l.min(*r), h.max(*r)));
    let ratio = median(ratios);
    println!("GET /api/resources, {TASKS} tasks, medians of {} windows of {window:?}", rounds - 1);
    println!("  fixed header    {:>8.0} requests/s, {:>6.1} us of CPU each", fixed.rate, fixed.cpu_us);
    println!("  ResourceClient  {:>8.0} requests/s, {:>6.1} us of CPU each", ours.rate, ours.cpu_us);
    println!("  CPU, resource and all: {:.3} of the fixed header's", ours.cpu_us / fixed.cpu_us);
    let verdict = if ratio >= LIMIT { "within" } else { "BELOW" };
    println!("  ratio {ratio:.3} ({lowest:.3} to {highest:.3}), {verdict} the limit of {LIMIT}");
    Ok(())
}

/// Starts a resource that responds to every request with the same small page.
async fn resource() -> Result<(String, CancellationToken), Failure> {
    let item = json!({
        "id": "0190163d-8694-739b-aea5-966c26f8ad91",
        "name": "first",
        "content": {"answer": 42},
        "created_by": "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813",
        "created_at": "2025-06-03T16:13:57Z",
        "updated_at": "2025-06-03T16:13:57Z",
    });
    let page = json!({"items": vec![item; 10], "next": "c"}).to_string();
    let answer = move || {
        let page = page.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], page) }
    };
    let server = Server::bind_address(([127, 0, 0, 1], 0).into(), None).await?;
    let (url, shutdown) = (server.url(), CancellationToken::new());
    tokio::spawn(server.serve(Router::new().route("/api/resources", get(answer)), shutdown.clone()));
    Ok((url, shutdown))
}

/// Creates a client that gets its token from the stand-in, and returns it with its HTTP client.
async fn client(url: &str) -> Result<(ResourceClient, HttpClient, entra_stand_in::Authority), Failure> {
    let authority = entra_stand_in::Authority::builder().spawn().await?;
    let tenant = authority.tenant().await?;
    let api = tenant.application("orders")?.role("Orders.Read")?;
    let caller = tenant.client("caller")?.grant(&api, "Orders.Read")?;
    let request = TokenRequest {
        authority: tenant.authority(),
        client_id: caller.client_id(),
        credentials: caller.secret().clone().into(),
        resource: api.app_id_uri().parse()?,
        version: Version::V2,
    };
    let http = HttpClient::trusting(authority.ca_certificate_pem())?;
    let retriever = TokenRetriever::new(request, http.clone());
    let client = ResourceClient::new(BaseUrl::parse(url)?, retriever, http.clone());
    Ok((client, http, authority))
}

async fn with_client(client: &ResourceClient, window: Duration) -> Result<Window, Failure> {
    let client = Arc::new(client.clone());
    rate(window, move || {
        let client = Arc::clone(&client);
        async move { Ok(client.list(&Paging::default()).await?) }
    })
    .await
}

async fn with_fixed_header(
    http: &HttpClient,
    url: &str,
    authorization: &HeaderValue,
    window: Duration,
) -> Result<Window, Failure> {
    let (http, url, authorization) = (http.clone(), format!("{url}/api/resources"), authorization.clone());
    rate(window, move || {
        let request = http.get(&url).header(header::AUTHORIZATION, authorization.clone());
        async move { Ok(request.send().await?.error_for_status()?.json().await?) }
    })
    .await
}

/// The result of all tasks in one window.
struct Window {
    calls: f64,
    /// Calls per second.
    rate: f64,
    /// The CPU time of the process.
    cpu_seconds: f64,
}

/// The result of several windows.
struct Totals {
    /// The median of calls per second.
    rate: f64,
    /// CPU time per call over all windows, since the operating system counts in hundredths of a second.
    cpu_us: f64,
}

impl Totals {
    fn from_windows(windows: &[Window]) -> Self {
        let sum = |value: fn(&Window) -> f64| windows.iter().map(value).sum::<f64>();
        Self {
            rate: median(windows.iter().map(|window| window.rate).collect()),
            cpu_us: 1e6 * sum(|window| window.cpu_seconds) / sum(|window| window.calls),
        }
    }
}

/// Returns the CPU time of this process in seconds; 0 if there is no `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system time, in 1/100 s, are the 12th and 13th fields after the name, which may contain anything.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Runs all tasks for one window; each makes one call after another.
async fn rate<F, C>(window: Duration, call: F) -> Result<Window, Failure>
where
    F: Fn() -> C + Send + Sync + 'static,
    C: Future<Output = Result<ResourcePage, Failure>> + Send,
{
    let (call, over, calls) = (Arc::new(call), Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let (start, cpu_before) = (Instant::now(), cpu_seconds());
    let mut running = JoinSet::new();
    for _ in 0..TASKS {
        let (call, over, calls) = (Arc::clone(&call), Arc::clone(&over), Arc::clone(&calls));
        running.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                std::hint::black_box(call().await?);
                calls.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failure>(())
        });
    }
    tokio::time::sleep(window).await;
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    let calls = calls.load(Ordering::Relaxed) as f64;
    let cpu_seconds = cpu_seconds() - cpu_before;
    Ok(Window { calls, rate: calls / start.elapsed().as_secs_f64(), cpu_seconds })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
