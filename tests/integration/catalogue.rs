//! Runs the stand-in's catalogue of tokens against the resource-app: it refuses each bad token as expected, and accepts
//! each odd but valid one.

use std::time::{Duration, Instant};

use entra_shared::azure_ad::Version;
use entra_stand_in::catalogue::Expected;
use entra_stand_in::{Application, Authority, Client, MintRequest, Tenant};
use reqwest::{Response, StatusCode, header};
use resource_app::ResourceApp;
use serde_json::json;
use tempfile::TempDir;
use tests::connection::{Answer, Connection};
use tests::world::base64url;
use tokio_util::sync::CancellationToken;

/// A resource-app as the API of a tenant that only this test uses.
pub(crate) struct Api {
    pub(crate) tenant: Tenant,
    application: Application,
    client: Client,
    http: reqwest::Client,
    pub(crate) url: String,
    authority: Authority,
    _folder: TempDir,
    _stop: tokio_util::sync::DropGuard,
}

impl Api {
    /// With room for many unknown keys, since each is remembered as unknown.
    async fn start() -> Self {
        let patient = [
            ("KEYS__UNKNOWN_KEY_FETCHES", "1000"),
            // Long enough under load.
            ("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "10000"),
        ];
        Self::start_with(&patient).await
    }

    pub(crate) async fn start_with(more: &[(&str, &str)]) -> Self {
        let authority = Authority::builder().spawn().await.unwrap();
        let tenant = authority.tenant().await.unwrap();
        let api = tenant.application("resource").unwrap();
        let api = api.role("Resource.Read").unwrap().role("Resource.Write").unwrap();
        let client = tenant.client("caller").unwrap().grant(&api, "Resource.Read").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.ca_certificate_pem()).unwrap();
        let variables = [
            ("AZURE_AD__INSTANCE", authority.instance().to_string()),
            ("AZURE_AD__TENANT_ID", tenant.id().to_string()),
            ("AZURE_AD__CLIENT_ID", api.client_id().to_string()),
            ("HTTP_CLIENT__CA_FILE", ca_file.display().to_string()),
            ("SERVER__LISTEN", "127.0.0.1:0".into()),
            ("METRICS__LISTEN", "127.0.0.1:0".into()),
            ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
        ];
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let variables = variables.into_iter().chain(more).collect();
        let settings = resource_app::Settings::load(None, variables).unwrap();
        let app = ResourceApp::bind(settings).await.unwrap();
        let url = format!("{}/api/resources", app.url());
        let stop = CancellationToken::new();
        tokio::spawn(app.run(stop.clone()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let stop = stop.drop_guard();
        let ready = format!("{}/health/ready", url.trim_end_matches("/api/resources"));
        let is_ready =
            async || http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success());
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_ready().await {
            assert!(Instant::now() < deadline, "the keys are not there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { tenant, application: api, client, http, url, authority, _folder: folder, _stop: stop }
    }

    async fn get(&self, authorization: header::HeaderValue) -> Response {
        self.http.get(&self.url).header(header::AUTHORIZATION, authorization).send().await.unwrap()
    }
}

/// The mistake in the response to a bad token, if there is one.
fn fault(answer: &Answer, expected: Expected) -> Option<String> {
    let challenges: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "www-authenticate").collect();
    let is_problem = answer.header("content-type") == Some("application/problem+json")
        && answer.header("cache-control") == Some("no-store");
    let fits = match challenges.as_slice() {
        [(_, challenge)] => {
            let error = if answer.status == expected.status() { expected.error() } else { "" };
            challenge.contains(&format!("error=\"{error}"))
        }
        _ => false,
    };
    let is_right = expected.allows(answer.status) && is_problem && fits;
    (!is_right).then(|| format!("{} {challenges:?}", answer.status))
}

#[tokio::test]
async fn every_bad_token_of_the_catalogue_is_refused_as_it_should_be_and_spoils_no_connection() {
    let api = Api::start().await;
    let good = api.client.token(&api.application).await.unwrap().authorization();
    let (tenant, client, application) = (api.tenant.clone(), api.client.clone(), api.application.clone());
    let list = move || tenant.bad_tokens(&client, &application).unwrap();
    let tokens = tokio::task::spawn_blocking(list).await.unwrap();
    assert!(tokens.len() > 350, "{}", tokens.len());
    let mut connection = Connection::open(&api.url).await;
    let mut wrong = Vec::new();
    for bad in &tokens {
        let answer = connection.get("/api/resources", Some(bad.authorization().as_bytes())).await;
        if let Some(fault) = fault(&answer, bad.expected()) {
            wrong.push(format!("{} ({}): {fault}", bad.name(), bad.wrong()));
        }
        assert!(!answer.closes(), "{}", bad.name());
        let status = connection.get("/api/resources", Some(good.as_bytes())).await.status;
        assert_eq!(status, 200, "a good token after {}", bad.name());
    }
    assert!(wrong.is_empty(), "{} of {} tokens:\n{}", wrong.len(), tokens.len(), wrong.join("\n"));
}

#[tokio::test]
async fn no_address_in_a_token_is_asked_for_anything() {
    let api = Api::start().await;
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = api.client.token(&api.application).await.unwrap();
    let (address, host) = (canary.local_addr().unwrap(), api.authority.instance().to_string());
    let (_, rest) = good.expose().split_once('.').unwrap();
    for member in ["jku", "x5u"] {
        for url in [
            format!("http://{address}/keys"),
            format!("https://{address}/keys"),
            format!("{host}@{address}/keys"),
            format!("{host}/redirect?to=http://{address}/keys"),
        ] {
            for kid in [api.tenant.keys().signing(), "made up".to_owned()] {
                let header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid, member: url });
                let token = format!("Bearer {}.{rest}", base64url(&header.to_string()));
                let status = api.get(token.parse().unwrap()).await.status();
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{header}");
            }
        }
    }
    let asked = tokio::time::timeout(Duration::from_millis(200), canary.accept()).await;
    assert!(asked.is_err(), "{asked:?}");
}

#[tokio::test]
async fn every_odd_but_valid_token_of_the_catalogue_is_accepted() {
    let api = Api::start().await;
    let mut wrong = Vec::new();
    for good in api.tenant.good_tokens(&api.client, &api.application).unwrap() {
        let status = api.get(good.authorization()).await.status();
        if status != StatusCode::OK {
            wrong.push(format!("{} ({}): {status}", good.name(), good.odd()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_token_that_another_tenant_issued_or_signed_is_refused() {
    let api = Api::start().await;
    let other = api.authority.tenant().await.unwrap();
    let issued = other.application("resource").unwrap().role("Resource.Read").unwrap();
    let client = other.client("caller").unwrap().grant(&issued, "Resource.Read").unwrap();
    let regular = client.token(&issued).await.unwrap();
    assert_eq!(api.get(regular.authorization()).await.status(), StatusCode::UNAUTHORIZED);
    // Every claim is that of the API's tenant; only the key is not.
    let tenant = api.tenant.id().to_string();
    let disguised = MintRequest::new(client.client_id(), issued.app_id_uri())
        .claim("iss", api.tenant.authority().issuer(Version::V2))
        .claim("tid", tenant)
        .claim("aud", api.application.client_id().to_string());
    let disguised = other.mint(&disguised).unwrap();
    assert_eq!(api.get(disguised.authorization()).await.status(), StatusCode::UNAUTHORIZED);
}
