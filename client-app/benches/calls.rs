//! What the client adds to a call of the resource: `ResourceClient::list` beside the same request sent by the same HTTP
//! client with a fixed header, its answer read into the same type.
//!
//! `cargo bench -p client-app --bench calls`: windows of either in turn, for tasks that call one after the other, and
//! the median of the ratios with its limit. The resource answers from memory, in a runtime of its own.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use client_app::ResourceSettings;
use client_app::resource_client::{BaseUrl, Paging, ResourceClient};
use entra_shared::resource::ResourcePage;
use entra_token::{HttpClient, TokenRequest, TokenRetriever, Version};
use http::{HeaderValue, header};
use http_shell::server::Server;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How much of the fixed header's throughput the client has to reach.
const LIMIT: f64 = 0.9;

/// How many tasks call at once.
const TASKS: usize = 16;

/// How many pairs of windows are measured; the first one warms up and does not count.
const ROUNDS: usize = 81;

/// How long a window is: short, so that what else the machine does meets both of a pair alike.
const WINDOW: Duration = Duration::from_millis(150);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // `cargo test --benches` only wants to know that it starts.
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
    // Kept until the end: it is the authority of the token.
    let (client, http, _authority) = client(url).await?;
    let authorization = client.token_retriever().authorization().await?;
    let (mut ratios, mut windows) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        // In turn the first, so that neither always has the quieter half.
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
    let [fixed, ours] = windows.map(|windows| Totals::of(&windows));
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

/// A resource that answers everybody with the same small page.
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

/// A client with a token of the stand-in, and the HTTP client that it calls with.
async fn client(url: &str) -> Result<(ResourceClient, HttpClient, entra_stand_in::Authority), Failure> {
    let authority = entra_stand_in::Authority::builder().spawn().await?;
    let tenant = authority.tenant().await?;
    let api = tenant.application("orders")?.role("Orders.Read")?;
    let caller = tenant.client("caller")?.grant(&api, "Orders.Read")?;
    let app_id_uri: entra_token::AppIdUri = api.app_id_uri().parse()?;
    let request = TokenRequest {
        authority: tenant.authority(),
        client_id: caller.client_id(),
        credentials: caller.secret().clone().into(),
        resource: app_id_uri.clone(),
        version: Version::V2,
    };
    let http = HttpClient::trusting(authority.ca_certificate_pem())?;
    let settings = ResourceSettings { base_url: BaseUrl::parse(url)?, app_id_uri, allow_plain_http: false };
    let client = ResourceClient::new(&settings, TokenRetriever::new(request, http.clone()), http.clone())?;
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

/// What all tasks came to within a window.
struct Window {
    calls: f64,
    /// Calls a second.
    rate: f64,
    /// What the process spent on them.
    cpu_seconds: f64,
}

/// What several windows came to.
struct Totals {
    /// The median.
    rate: f64,
    /// Of the whole, since the operating system counts in hundredths of a second.
    cpu_us: f64,
}

impl Totals {
    fn of(windows: &[Window]) -> Self {
        let sum = |of: fn(&Window) -> f64| windows.iter().map(of).sum::<f64>();
        Self {
            rate: median(windows.iter().map(|window| window.rate).collect()),
            cpu_us: 1e6 * sum(|window| window.cpu_seconds) / sum(|window| window.calls),
        }
    }
}

/// The processor time of this process so far; nothing where there is no `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything, user and system time are the 12th and 13th field, in 1/100 s.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Calls by all tasks, each one after the other, for as long as the window is.
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
