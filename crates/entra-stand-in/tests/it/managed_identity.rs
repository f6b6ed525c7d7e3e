//! Managed identities, over http as a workload asks for their tokens.

use entra_shared::settings::Environment;
use entra_stand_in::{Authority, DEVELOPMENT_IDENTITY_HEADER, Directory, Endpoint, Fault};
use reqwest::{Client, RequestBuilder};
use serde_json::json;

use crate::directories::edited_folder;
use crate::world::{Answer, CLIENT, OTHER, RESOURCE, TENANT, World, part, send};

/// The system-assigned identity of the built-in directory, and the other.
const VM: &str = "7e21c9d4-50b8-4a3f-9d16-c84f0e5b7a29";
const VM_OBJECT: &str = "d6480fb3-9a2e-4c75-b1e7-3f59c20d8a61";
const IDENTITY: &str = "2b95f6e0-c7d3-4168-a8b4-06e1d97c35fa";
const IDENTITY_OBJECT: &str = "81fa3c6d-e470-4b92-95c8-d2b60e17f439";
const IDENTITY_RESOURCE: &str = "/SUBSCRIPTIONS/5c1e8d07-b3f2-4a96-8e5d-09f7c64b2a13/resourceGroups/demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo-identity";

struct Machine {
    world: World,
    http: Client,
}

impl Machine {
    async fn new() -> Self {
        Self::start_with(Authority::builder()).await
    }

    async fn start_with(builder: entra_stand_in::Builder) -> Self {
        let world =
            World::start_with(builder.managed_identity_listen(Some(([127, 0, 0, 1], 0).into()))).await;
        Self { world, http: Client::builder().no_proxy().build().unwrap() }
    }

    fn request(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let url = self.world.authority.managed_identity_url().unwrap().join(path).unwrap();
        self.http.get(url).query(query)
    }

    /// Asks as IMDS is asked, for this resource and with further parameters.
    async fn imds(&self, resource: &str, more: &[(&str, &str)]) -> Answer {
        let query = [&[("api-version", "2018-02-01"), ("resource", resource)], more].concat();
        send(self.request("metadata/identity/oauth2/token", &query).header("Metadata", "true")).await
    }

    async fn app_service(&self, resource: &str, more: &[(&str, &str)]) -> Answer {
        let query = [&[("api-version", "2019-08-01"), ("resource", resource)], more].concat();
        send(self.request("msi/token", &query).header("X-IDENTITY-HEADER", DEVELOPMENT_IDENTITY_HEADER)).await
    }
}

fn api() -> String {
    format!("api://{RESOURCE}")
}

/// Whether two texts are numbers of seconds that far apart, give or take the time a test takes.
fn apart(later: &str, earlier: i64, seconds: i64) -> bool {
    (later.parse::<i64>().unwrap() - earlier - seconds).abs() < 5
}

#[tokio::test]
async fn imds_answers_with_its_members_and_numbers_as_texts() {
    let machine = Machine::new().await;
    let answer = machine.imds(&api(), &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert!(
        answer.header("server").starts_with("IMDS/") && answer.header("cache-control").contains("no-store")
    );
    let body = answer.json();
    let names = ["access_token", "client_id", "expires_in", "expires_on", "ext_expires_in", "not_before"];
    assert_eq!(body.names(), [&names[..], &["resource", "token_type"]].concat());
    assert_eq!((body.text("client_id"), body.text("expires_in")), (VM, "86399"));
    assert_eq!((body.text("resource"), body.text("token_type")), (api().as_str(), "Bearer"));
    let now = jiff::Timestamp::now().as_second();
    assert!(apart(body.text("expires_on"), now, 86_400) && apart(body.text("not_before"), now, -300));
}

#[tokio::test]
async fn the_token_is_an_app_only_one_of_the_identity_that_lasts_a_day() {
    let machine = Machine::new().await;
    let body = machine.imds(&api(), &[]).await.json();
    let claims = part(body.text("access_token"), 1);
    assert_eq!((claims.text("azp"), claims.text("azpacr"), claims.text("tid")), (VM, "2", TENANT));
    assert_eq!((claims.text("oid"), claims.text("sub")), (VM_OBJECT, VM_OBJECT));
    assert_eq!(claims.get("roles"), &json!(["Resource.Read"]));
    assert_eq!(claims.text("iss"), format!("{}/{TENANT}/v2.0", machine.world.base));
    assert_eq!(claims.number("exp") - claims.number("iat"), 86_700);
    let v1 = machine.imds(&format!("api://{OTHER}"), &[]).await.json();
    let v1 = part(v1.text("access_token"), 1);
    assert_eq!((v1.text("appid"), v1.text("appidacr"), v1.text("ver")), (VM, "2", "1.0"));
    assert!(!v1.names().contains(&"roles"));
}

#[tokio::test]
async fn an_identity_is_named_by_each_of_its_ids_in_both_shapes() {
    let machine = Machine::new().await;
    let ids = [("client_id", IDENTITY), ("object_id", IDENTITY_OBJECT), ("msi_res_id", IDENTITY_RESOURCE)];
    for id in ids.into_iter().chain([("mi_res_id", IDENTITY_RESOURCE)]) {
        for answer in [machine.imds(&api(), &[id]).await, machine.app_service(&api(), &[id]).await] {
            let body = answer.json();
            assert_eq!(body.text("client_id"), IDENTITY, "{id:?}");
            let roles = part(body.text("access_token"), 1).get("roles").clone();
            assert_eq!(roles, json!(["Resource.Read", "Resource.Write"]));
        }
    }
}

#[tokio::test]
async fn the_tenants_grants_clock_faults_and_journal_count_for_its_identities() {
    let machine =
        Machine::start_with(Authority::builder().admin_listen(Some(([127, 0, 0, 1], 0).into()))).await;
    let tenant = machine.world.authority.first_tenant();
    let url = machine.world.authority.admin_url().unwrap().join(&format!("tenants/{TENANT}/grants")).unwrap();
    let grant = json!({ "client_id": VM, "resource": RESOURCE, "role": "Resource.Write" });
    assert_eq!(send(machine.http.post(url).json(&grant)).await.status, 204);
    tenant.clock().set(jiff::Timestamp::from_second(2_000_000_000).unwrap());
    tenant.clock().freeze();
    tenant.faults().on(Endpoint::ManagedIdentity, [Fault::status(503)]);
    assert_eq!(machine.imds(&api(), &[]).await.status, 503);
    for answer in [machine.imds(&api(), &[]).await, machine.app_service(&api(), &[]).await] {
        let body = answer.json();
        assert_eq!(body.text("expires_on"), "2000086400");
        let roles = part(body.text("access_token"), 1).get("roles").clone();
        assert_eq!(roles, json!(["Resource.Read", "Resource.Write"]));
    }
    assert_eq!(machine.app_service("https://vault.azure.net", &[]).await.status, 400);
    let entries = tenant.journal().entries();
    entries.expect(Endpoint::ManagedIdentity, 4);
    assert_eq!(entries[1].client_id.unwrap().to_string(), VM);
    assert_eq!(entries[3].aadsts, Some(500_011));
}

#[tokio::test]
async fn faults_have_the_shape_of_the_service_and_the_journal_tells_its_reasons() {
    let machine = Machine::new().await;
    let tenant = machine.world.authority.first_tenant();
    let script = [Fault::too_many_requests(5), Fault::status(500), Fault::status(503), Fault::status(500)];
    tenant.faults().on(Endpoint::ManagedIdentity, script);
    let throttled = machine.imds(&api(), &[]).await;
    assert_eq!((throttled.status.as_u16(), throttled.header("retry-after")), (429, "5"));
    assert!(throttled.header("server").starts_with("IMDS/"));
    for answer in [throttled, machine.imds(&api(), &[]).await] {
        assert_eq!(answer.json().names(), ["error", "error_description"]);
    }
    for _ in 0..2 {
        let answer = machine.app_service(&api(), &[]).await.json();
        assert_eq!(answer.names(), ["correlationId", "message", "statusCode"]);
    }
    machine.imds("", &[]).await;
    machine.imds(&api(), &[("client_id", CLIENT)]).await;
    machine.app_service(&api(), &[("client_id", CLIENT)]).await;
    send(machine.request("msi/token", &[])).await;
    let entries = machine.world.authority.journal().entries();
    let reasons: Vec<&str> = entries.iter().skip(4).map(|entry| entry.reason.as_str()).collect();
    let expected = [
        "Required audience parameter not specified",
        "Identity not found",
        "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        "X-IDENTITY-HEADER is missing or wrong.",
    ];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn app_service_answers_with_its_own_members() {
    let machine = Machine::new().await;
    let answer = machine.app_service(&api(), &[]).await;
    let body = answer.json();
    assert_eq!(body.names(), ["access_token", "expires_on", "resource", "token_type", "client_id"]);
    assert!(apart(body.text("expires_on"), jiff::Timestamp::now().as_second(), 86_400));
}

#[tokio::test]
async fn a_slash_at_the_end_of_either_path_changes_nothing() {
    let machine = Machine::new().await;
    let tenant = machine.world.authority.first_tenant();
    let api = api();
    let imds = ("metadata/identity/oauth2/token/", "2018-02-01", ("Metadata", "true"), "error_description");
    let header = ("X-IDENTITY-HEADER", DEVELOPMENT_IDENTITY_HEADER);
    let app_service = ("msi/token/", "2019-08-01", header, "correlationId");
    for (path, version, (header, value), member) in [imds, app_service] {
        let ask = async || {
            let query = [("api-version", version), ("resource", api.as_str())];
            send(machine.request(path, &query).header(header, value)).await
        };
        let claims = part(ask().await.json().text("access_token"), 1);
        assert_eq!(claims.text("azp"), VM, "{path}");
        tenant.faults().on(Endpoint::ManagedIdentity, [Fault::status(429)]);
        let faulted = ask().await;
        assert_eq!(faulted.status, 429);
        assert!(faulted.json().names().contains(&member), "{faulted:?}");
    }
}

#[tokio::test]
async fn imds_refuses_as_the_real_one_does() {
    let machine = Machine::new().await;
    let path = "metadata/identity/oauth2/token";
    let (version, resource, api) = (("api-version", "2018-02-01"), "resource", api());
    let plain = || machine.request(path, &[version, (resource, &api)]);
    let asked = |query: &[(&str, &str)]| machine.request(path, query).header("Metadata", "TRUE");
    let cases = [
        (plain(), "bad_request_102", "Required metadata header not specified"),
        (plain().header("Metadata", "false"), "bad_request_102", "Required metadata header not specified"),
        (
            plain().header("Metadata", "true").header("X-Forwarded-For", "10.0.0.1"),
            "bad_request_102",
            "Required",
        ),
        (asked(&[(resource, &api)]), "invalid_request", "Required api-version"),
        (
            asked(&[("api-version", "2017-09-01"), (resource, &api)]),
            "invalid_request",
            "Required api-version",
        ),
        (asked(&[version]), "invalid_request", "Required audience parameter not specified"),
        (asked(&[version, (resource, "")]), "invalid_request", "Required audience parameter not specified"),
        (asked(&[version, (resource, &api), ("client_id", CLIENT)]), "invalid_request", "Identity not found"),
        (asked(&[version, (resource, &api), ("object_id", "x")]), "invalid_request", "Identity not found"),
        (
            asked(&[version, (resource, &api), ("client_id", VM), ("object_id", VM_OBJECT)]),
            "invalid_request",
            "Only one of",
        ),
        (asked(&[version, (resource, "https://vault.azure.net")]), "invalid_resource", "AADSTS500011: "),
    ];
    for (request, error, text) in cases {
        let answer = send(request).await;
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), body.text("error")), (400, error), "{answer:?}");
        assert!(body.text("error_description").starts_with(text), "{answer:?}");
    }
    let url = machine.world.authority.managed_identity_url().unwrap();
    assert_eq!(send(machine.http.post(url.join(path).unwrap()).header("Metadata", "true")).await.status, 405);
    assert_eq!(send(machine.http.get(url)).await.status, 404);
}

#[tokio::test]
async fn app_service_refuses_as_the_real_one_does() {
    let machine = Machine::new().await;
    let api = api();
    let asked = |query: &[(&str, &str)], header: &str| {
        machine.request("msi/token", query).header("X-IDENTITY-HEADER", header)
    };
    let (version, resource) = (("api-version", "2019-08-01"), ("resource", api.as_str()));
    let right = DEVELOPMENT_IDENTITY_HEADER;
    let cases = [
        (machine.request("msi/token", &[version, resource]), 401, "X-IDENTITY-HEADER"),
        (asked(&[version, resource], "canary"), 401, "X-IDENTITY-HEADER"),
        (asked(&[("api-version", "2017-09-01"), resource], right), 400, "The api-version"),
        (asked(&[version], right), 400, "The resource parameter"),
        (asked(&[version, resource, ("client_id", CLIENT)], right), 400, "No User Assigned or Delegated"),
        (asked(&[version, resource, ("client_id", VM), ("mi_res_id", "x")], right), 400, "Only one of"),
        (asked(&[version, ("resource", "https://vault.azure.net")], right), 400, "AADSTS500011: "),
    ];
    for (request, status, text) in cases {
        let answer = send(request).await;
        let body = answer.json();
        assert_eq!(i64::from(answer.status.as_u16()), body.number("statusCode"), "{answer:?}");
        assert_eq!(answer.status, status);
        assert!(body.text("message").starts_with(text) && !answer.body.contains("canary"), "{answer:?}");
        assert_eq!(body.text("correlationId").len(), 36);
    }
}

#[tokio::test]
async fn the_header_of_app_service_can_be_a_secret_of_ones_own() {
    let machine = Machine::start_with(Authority::builder().identity_header("of my own")).await;
    assert_eq!(machine.app_service(&api(), &[]).await.status, 401);
    let query = [("api-version", "2019-08-01"), ("resource", &api())];
    let own = machine.request("msi/token", &query).header("X-IDENTITY-HEADER", "of my own");
    assert_eq!(send(own).await.status, 200);
}

#[tokio::test]
async fn a_web_page_cannot_reach_an_identity() {
    let machine = Machine::new().await;
    for path in ["metadata/identity/oauth2/token", "msi/token"] {
        let query = [("api-version", "2019-08-01"), ("resource", &api())];
        let request = machine.request(path, &query).header("Metadata", "true");
        let request = request.header("X-IDENTITY-HEADER", DEVELOPMENT_IDENTITY_HEADER);
        assert_eq!(send(request.header("host", "evil.example")).await.status, 403);
    }
}

#[tokio::test]
async fn there_is_no_such_listener_unless_told_and_never_off_loopback() {
    assert_eq!(World::new().await.authority.managed_identity_url(), None);
    let any = Authority::builder().managed_identity_listen(Some(([0, 0, 0, 0], 0).into()));
    let error = any.allow_non_loopback(true).spawn().await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "`managed_identity.listen` (the settings or MANAGED_IDENTITY__LISTEN): not a loopback address"
        ),
        "{error}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = Authority::builder().managed_identity_listen(Some(taken.local_addr().unwrap()));
    let error = builder.spawn().await.unwrap_err().to_string();
    assert!(error.contains("`managed_identity.listen`"), "{error}");
}

#[test]
fn identities_that_cannot_be_told_apart_are_refused() {
    let system = "resource_id = \"/subscriptions/5c1e8d07";
    for (from, to, expected) in [
        (IDENTITY_OBJECT, VM_OBJECT, "`tenants.managed_identities.object_id`"),
        (
            system,
            &format!("system_assigned = true\n{system}"),
            "`tenants.managed_identities.system_assigned`",
        ),
        (IDENTITY, CLIENT, "`tenants.managed_identities.client_id`"),
        ("name = \"demo-vm\"", "nmae = \"demo-vm\"", "unknown field `nmae`"),
    ] {
        let folder = edited_folder(&[("directory.toml", from, to)]);
        let error = Directory::load(folder.path(), &Environment::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn the_address_of_imds_is_a_host_that_it_answers_to() {
    let machine = Machine::new().await;
    let query = [("api-version", "2018-02-01"), ("resource", &api())];
    for (host, status) in [
        ("169.254.169.254", 200),
        ("169.254.169.254:80", 200),
        ("localhost:50342", 200),
        ("169.254.169.253", 403),
        ("169.254.169.254.nip.io", 403),
        ("metadata.example", 403),
    ] {
        for path in ["metadata/identity/oauth2/token", "msi/token"] {
            let request = machine.request(path, &query).header("Host", host);
            let request = request.header("Metadata", "true");
            let answer = send(request).await;
            let is_imds = path.starts_with("metadata");
            assert!(answer.status == status || status == 200 && !is_imds && answer.status != 403, "{host}");
        }
    }
}

/// The part of the next test that runs where the address exists.
#[tokio::test]
#[ignore = "runs in a network namespace that the next test makes"]
async fn in_a_namespace_imds_is_at_its_own_address() {
    let builder = Authority::builder().managed_identity_listen(Some(([169, 254, 169, 254], 80).into()));
    let world = World::start_with(builder).await;
    let http = Client::builder().no_proxy().build().unwrap();
    let query = [("api-version", "2018-02-01"), ("resource", &api())];
    let request = http.get("http://169.254.169.254/metadata/identity/oauth2/token").query(&query);
    let answer = send(request.header("Metadata", "true")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(part(answer.json().text("access_token"), 1).text("azp"), VM);
    world.authority.shutdown().await;
}

#[test]
#[cfg(target_os = "linux")]
fn libraries_find_imds_at_the_address_that_is_a_constant_of_theirs() {
    let prepare = "ip link set lo up && ip address add 169.254.169.254/32 dev lo";
    let namespace = |then: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-rn", "sh", "-c", &format!("{prepare} {then}"), "sh"]);
        command
    };
    if !namespace("").status().is_ok_and(|status| status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "a network namespace is needed, with `unshare -rn` and `ip`"
        );
        eprintln!("SKIPPED: this machine lets no test make a network namespace with `unshare -rn` and `ip`");
        return;
    }
    let name = "managed_identity::in_a_namespace_imds_is_at_its_own_address";
    let output = namespace("&& exec \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{output:?}");
}

const EXCHANGE: &str = "api://AzureADTokenExchange";

/// A stand-in at a public URL, whose `DemoClientApp` trusts an identity of this issuer, with this subject and audience.
async fn trusting_machine(issuer: &str, subject: &str, audience: &str) -> Machine {
    let credential =
        json!([{ "name": "identity", "issuer": issuer, "subject": subject, "audiences": [audience] }]);
    let with = format!("\"keyCredentials\": [], \"federatedIdentityCredentials\": {credential}");
    let folder = edited_folder(&[("applications/DemoClientApp.json", "\"keyCredentials\": []", &with)]);
    let directory = Directory::load(folder.path(), &Environment::default()).unwrap();
    let url = entra_shared::azure_ad::Instance::parse(PUBLIC).unwrap();
    let mut machine =
        Machine::start_with(Authority::builder().directory(directory).public_url(Some(url))).await;
    machine.world.base = format!("https://localhost:{}", machine.world.authority.address().port());
    machine
}

const PUBLIC: &str = "https://entra.test";

/// The AADSTS code of the answer to a token as the client's assertion, or 0 for a token.
async fn exchanged(machine: &Machine, assertion: &str) -> i64 {
    let scope = format!("{}/.default", api());
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", &scope),
    ];
    let answer = machine.world.post(&crate::world::v2(TENANT), &fields).await;
    if answer.status == 200 { 0 } else { answer.json().get("error_codes")[0].as_i64().unwrap() }
}

#[tokio::test]
async fn an_app_trusts_a_managed_identity_and_no_other_token_of_entra() {
    let issuer = format!("{PUBLIC}/{TENANT}/v2.0");
    let machine = trusting_machine(&issuer, IDENTITY_OBJECT, EXCHANGE).await;
    let identity = [("client_id", IDENTITY)];
    let token = |answer: Answer| answer.json().text("access_token").to_owned();
    let good = token(machine.imds(EXCHANGE, &identity).await);
    let claims = part(&good, 1);
    assert_eq!(claims.text("aud"), "fb60f99c-7a34-4190-8149-302f77469936");
    assert_eq!((claims.text("iss"), claims.text("sub")), (issuer.as_str(), IDENTITY_OBJECT));
    assert_eq!(exchanged(&machine, &good).await, 0);
    let app_service = token(machine.app_service(EXCHANGE, &identity).await);
    assert_eq!(exchanged(&machine, &app_service).await, 0);

    let by_id = token(machine.imds("fb60f99c-7a34-4190-8149-302f77469936", &identity).await);
    assert_eq!(exchanged(&machine, &by_id).await, 0);
    let of_another_identity = token(machine.imds(EXCHANGE, &[]).await);
    assert_eq!(exchanged(&machine, &of_another_identity).await, 700_213);
    let for_the_api = token(machine.imds(&api(), &identity).await);
    let for_azure = token(machine.imds("https://management.azure.com/", &identity).await);
    let of_an_app = machine.world.token(CLIENT, crate::world::SECRET, EXCHANGE).await;
    let mint = |claim: &str, value: serde_json::Value| {
        let request =
            entra_stand_in::MintRequest::new(IDENTITY.parse::<uuid::Uuid>().unwrap().into(), EXCHANGE);
        machine.world.authority.mint(&request.claim(claim, value)).unwrap().expose().to_owned()
    };
    assert_eq!(exchanged(&machine, &mint("sub", json!(IDENTITY_OBJECT))).await, 0);
    for token in [
        for_the_api,
        for_azure,
        of_an_app,
        mint("aud", json!(EXCHANGE)),
        mint("aud", json!(["fb60f99c-7a34-4190-8149-302f77469936", EXCHANGE])),
        mint("iss", json!(format!("{PUBLIC}/{}/v2.0", crate::grants::SECOND_TENANT))),
        mint("iss", json!(format!("{PUBLIC}/{TENANT}/"))),
        mint("sub", json!(CLIENT)),
    ] {
        assert_eq!(exchanged(&machine, &token).await, 700_222, "{:?}", part(&token, 1).get("aud"));
    }
    // What is signed with another key, has expired, or is a user's.
    let parts: Vec<&str> = good.split('.').collect();
    let other = mint("jti", json!("other"));
    let forged = format!("{}.{}.{}", parts[0], parts[1], other.rsplit('.').next().unwrap());
    assert_eq!(exchanged(&machine, &forged).await, 700_027);
    assert_eq!(exchanged(&machine, &mint("exp", json!(1))).await, 700_024);
    assert_eq!(exchanged(&machine, &mint("scp", json!("access"))).await, 700_229);
}

#[tokio::test]
async fn the_credential_for_a_managed_identity_names_issuer_subject_and_audience_as_entra_does() {
    let issuer = format!("{PUBLIC}/{TENANT}/v2.0");
    for (issuer, subject, audience, code) in [
        (issuer.as_str(), IDENTITY_OBJECT, EXCHANGE, 0),
        (&format!("{PUBLIC}/{TENANT}/"), IDENTITY_OBJECT, EXCHANGE, 700_211),
        (&issuer, IDENTITY, EXCHANGE, 700_213),
        (&issuer, IDENTITY_OBJECT, "api://other", 700_212),
    ] {
        let machine = trusting_machine(issuer, subject, audience).await;
        let answer = machine.imds(EXCHANGE, &[("client_id", IDENTITY)]).await.json();
        assert_eq!(exchanged(&machine, answer.text("access_token")).await, code, "{issuer} {subject}");
    }
}

#[tokio::test]
async fn an_identity_gets_the_same_token_for_a_day_or_until_it_is_forgotten() {
    let machine = Machine::new().await;
    let admin = async |path: &str, body| crate::admin_tenants::post(&machine.world, path, body).await.status;
    let token = async |more: &[(&str, &str)]| {
        let answer = machine.imds(&api(), more).await;
        (answer.json().text("access_token").to_owned(), answer.json().text("expires_in").to_owned())
    };
    let (first, life) = token(&[]).await;
    assert_ne!(token(&[("client_id", IDENTITY)]).await.0, first);
    assert_eq!(admin("clock", json!({ "tenant": TENANT, "advance_seconds": 3600 })).await, 200);
    let (again, left) = token(&[]).await;
    assert!(again == first && apart(&life, left.parse().unwrap(), 3600), "{life} {left}");
    assert_eq!(admin("managed-identities/forget", json!({ "tenant": TENANT })).await, 204);
    let (second, _) = token(&[]).await;
    assert_ne!(second, first);
    assert_eq!(admin("clock", json!({ "tenant": TENANT, "advance_seconds": 86_200 })).await, 200);
    assert_ne!(token(&[]).await.0, second);
}
