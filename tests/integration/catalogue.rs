//! The stand-in's catalogue of tokens against the resource-app: each bad one refused as it should be, each odd but
//! valid one accepted.

use std::time::{Duration, Instant};

use authority_app::{Application, Authority, Client, MintRequest, Tenant};
use reqwest::{Response, StatusCode, header};
use resource_app::ResourceApp;
use shared::azure_ad::Version;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The resource-app as the API of a tenant of its own.
struct Api {
    tenant: Tenant,
    application: Application,
    client: Client,
    http: reqwest::Client,
    url: String,
    authority: Authority,
    _folder: TempDir,
    _stop: tokio_util::sync::DropGuard,
}

impl Api {
    async fn start() -> Self {
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
        let settings = resource_app::Settings::load(None, variables.into_iter().collect()).unwrap();
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
            assert!(Instant::now() < deadline, "the keys are not at hand");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { tenant, application: api, client, http, url, authority, _folder: folder, _stop: stop }
    }

    async fn get(&self, authorization: header::HeaderValue) -> Response {
        self.http.get(&self.url).header(header::AUTHORIZATION, authorization).send().await.unwrap()
    }
}

#[tokio::test]
async fn every_bad_token_of_the_catalogue_is_refused_as_it_should_be() {
    let api = Api::start().await;
    let good = api.client.token(&api.application).await.unwrap();
    assert_eq!(api.get(good.authorization()).await.status(), StatusCode::OK);
    let (tenant, client, application) = (api.tenant.clone(), api.client.clone(), api.application.clone());
    let list = move || tenant.bad_tokens(&client, &application).unwrap();
    let tokens = tokio::task::spawn_blocking(list).await.unwrap();
    assert!(tokens.len() > 250, "{}", tokens.len());
    let mut wrong = Vec::new();
    for bad in &tokens {
        let response = api.get(bad.authorization()).await;
        let status = response.status().as_u16();
        let challenge = response.headers().get(header::WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
        let named = challenge.is_some_and(|challenge| challenge.contains("error="));
        let fits = status != bad.expected().status()
            || challenge.is_some_and(|challenge| challenge.contains(bad.expected().error()));
        if !(bad.expected().allows(status) && named && fits) {
            wrong.push(format!("{} ({}): {status} {challenge:?}", bad.name(), bad.wrong()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} tokens:\n{}", wrong.len(), tokens.len(), wrong.join("\n"));
    // Whatever was sent, a good token is still a good one, and the flood cost no more than the allowed fetches.
    assert_eq!(api.get(good.authorization()).await.status(), StatusCode::OK);
    api.tenant.journal().expect_key_set_fetches(1..=3);
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
