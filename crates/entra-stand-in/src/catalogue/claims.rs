//! Claims that are missing, of a wrong type, or of another party.
//!
//! <https://learn.microsoft.com/entra/identity-platform/claims-validation>

use entra_shared::azure_ad::Version;
use serde_json::{Value, json};

use super::Expected::InvalidToken;
use super::forge::{Forge, Rows, row};
use crate::MintError;

/// Ids of a tenant and an object that do not exist.
const OTHER: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";

/// Longer than the lifetime of any Entra token, in seconds: 29 hours.
const TOO_LONG: i64 = 29 * 3600;

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let mut groups = vec![("iss", issuers(forge)), ("aud", audiences(forge))];
    groups.extend([("time", times(forge)), ("who", identities(forge)), ("version", versions(forge))]);
    for (group, cases) in groups {
        for (name, wrong, claims) in cases {
            let token = forge.with_claims(claims)?;
            row(rows, InvalidToken, (format!("{group}/{name}"), wrong), token);
        }
    }
    null_claims(forge, rows)
}

type Cases = Vec<(&'static str, &'static str, Value)>;

fn issuers(forge: &Forge) -> Cases {
    let (good, tenant) = (forge.text("iss"), forge.text("tid"));
    let wrong = "not exactly the tenant's issuer";
    let host = forge.instance.url().host_str().unwrap_or_default();
    let issuer = |iss: Value| json!({ "iss": iss });
    let text = |text: String| json!({ "iss": text });
    let slash = match good.strip_suffix('/') {
        Some(bare) => bare.to_owned(),
        None => format!("{good}/"),
    };
    vec![
        ("missing", wrong, issuer(Value::Null)),
        ("number", wrong, issuer(json!(1))),
        ("object", wrong, issuer(json!({ "iss": good }))),
        ("list", wrong, issuer(json!([good]))),
        ("list-of-two", wrong, issuer(json!(["https://issuer.invalid", good]))),
        ("empty", wrong, issuer(json!(""))),
        ("slash", wrong, text(slash)),
        ("upper-case-host", wrong, text(good.replacen(host, &host.to_uppercase(), 1))),
        ("http", wrong, text(good.replacen("https://", "http://", 1))),
        ("port", wrong, text(good.replacen(host, &format!("{host}:443"), 1))),
        ("space-behind", wrong, text(format!("{good} "))),
        ("space-in-front", wrong, text(format!(" {good}"))),
        ("full-width-twin", wrong, text(good.replacen("https", "\u{ff48}ttps", 1))),
        ("punycode-twin", wrong, text(good.replacen(host, "xn--lcalhost-hcb", 1))),
        ("prefix", wrong, text(good.chars().take(good.chars().count() - 2).collect())),
        ("superstring", wrong, text(format!("{good}/x"))),
        ("suffix", wrong, text(format!("https://issuer.invalid/{good}"))),
        ("host-as-subdomain", wrong, text(good.replacen(host, &format!("{host}.issuer.invalid"), 1))),
        ("user-info", wrong, text(good.replacen("https://", &format!("https://{host}@"), 1))),
        ("template", "the issuer's tenant is not filled in", text(good.replace(tenant, "{tenantid}"))),
        ("common", wrong, text(good.replace(tenant, "common"))),
        ("other-tenant", "another tenant's issuer", text(good.replace(tenant, OTHER))),
        ("upper-case-tenant", wrong, text(good.replace(tenant, &tenant.to_uppercase()))),
    ]
}

fn audiences(forge: &Forge) -> Cases {
    let good = forge.text("aud");
    let wrong = "not exactly this API";
    let aud = |aud: Value| json!({ "aud": aud });
    let mut cases = vec![
        ("missing", wrong, aud(Value::Null)),
        ("number", wrong, aud(json!(7))),
        ("object", wrong, aud(json!({ "aud": good }))),
        ("empty", wrong, aud(json!(""))),
        ("empty-list", wrong, aud(json!([]))),
        ("list-of-a-number", wrong, aud(json!([7]))),
        ("list-of-another", wrong, aud(json!(["x"]))),
        ("list", "a list, which Entra never writes", aud(json!([good]))),
        ("list-of-two", "a list, which Entra never writes", aud(json!([good, "another"]))),
        ("other-api", wrong, aud(json!(OTHER))),
        ("braces", wrong, aud(json!(format!("{{{good}}}")))),
        ("space-behind", wrong, aud(json!(format!("{good} ")))),
        ("prefix", wrong, aud(json!(good.chars().take(good.len() - 1).collect::<String>()))),
        ("superstring", wrong, aud(json!(format!("{good}x")))),
        ("any", wrong, aud(json!("*"))),
        ("graph", "Microsoft Graph's", aud(json!("00000003-0000-0000-c000-000000000000"))),
        (
            "client",
            "the client's own",
            aud(json!(forge.text(if forge.good.contains_key("azp") { "azp" } else { "appid" }))),
        ),
    ];
    if !forge.has_audience_without_case() {
        cases.push(("upper-case", wrong, aud(json!(good.to_uppercase()))));
    }
    cases
}

fn times(forge: &Forge) -> Cases {
    // The token is back-dated by five minutes.
    let now = forge.number("iat") + 300;
    let wrong = "not a time";
    vec![
        ("exp-missing", wrong, json!({ "exp": null })),
        ("exp-text", wrong, json!({ "exp": "9999999999" })),
        ("exp-true", wrong, json!({ "exp": true })),
        ("exp-list", wrong, json!({ "exp": [now + 3600] })),
        ("exp-object", wrong, json!({ "exp": {} })),
        ("exp-negative", "expired", json!({ "exp": -1 })),
        ("exp-zero", "expired", json!({ "exp": 0 })),
        ("exp-huge", "a lifetime beyond belief", json!({ "exp": 1e300 })),
        ("exp-u64", "a lifetime beyond belief", json!({ "exp": u64::MAX })),
        ("exp-year-10000", "a lifetime beyond belief", json!({ "exp": 253402300800_i64 })),
        ("exp-milliseconds", "a lifetime beyond belief", json!({ "exp": (now + 3600) * 1000 })),
        (
            "expired",
            "expired an hour ago",
            json!({ "iat": now - 7200, "nbf": now - 7200, "exp": now - 3600 }),
        ),
        ("expired-just", "expired longer ago than clocks differ", json!({ "exp": now - 301 })),
        ("lifetime", "valid for longer than any token of Entra's", json!({ "exp": now + TOO_LONG })),
        ("nbf-missing", wrong, json!({ "nbf": null })),
        ("nbf-text", wrong, json!({ "nbf": now.to_string() })),
        ("nbf-future", "not valid yet", json!({ "nbf": now + 1800, "iat": now + 1800 })),
        ("nbf-after-exp", "valid from a time after its end", json!({ "nbf": now + 7200 })),
        ("iat-missing", wrong, json!({ "iat": null })),
        ("iat-text", wrong, json!({ "iat": now.to_string() })),
        ("iat-future", "issued in the future", json!({ "iat": now + 1800 })),
        ("iat-after-exp", "issued after its end", json!({ "iat": now + 7200 })),
    ]
}

fn identities(forge: &Forge) -> Cases {
    let good = forge.text("iss");
    let tenant = forge.text("tid");
    let (client, other_client, other_class, version) = match forge.version {
        Version::V1 => ("appid", "azp", "azpacr", "1.0"),
        Version::V2 => ("azp", "appid", "appidacr", "2.0"),
    };
    vec![
        ("tid-missing", "no tenant", json!({ "tid": null })),
        ("tid-empty", "no tenant", json!({ "tid": "" })),
        ("tid-domain", "a tenant that is no GUID", json!({ "tid": "contoso.com" })),
        ("tid-list", "a tenant that is no GUID", json!({ "tid": [tenant] })),
        ("tid-braces", "a tenant that is no GUID", json!({ "tid": format!("{{{tenant}}}") })),
        ("tid-other", "another tenant than the issuer's", json!({ "tid": OTHER })),
        (
            "tenant-other",
            "another tenant, and its issuer",
            json!({ "tid": OTHER, "iss": good.replace(tenant, OTHER) }),
        ),
        ("ver-missing", "no version", json!({ "ver": null })),
        ("ver-unknown", "no version that there is", json!({ "ver": "3.0" })),
        ("ver-number", "no version that there is", json!({ "ver": 2 })),
        ("ver-space", "no version that there is", json!({ "ver": format!("{version} ") })),
        ("oid-missing", "no object", json!({ "oid": null })),
        ("oid-text", "an object that is no GUID", json!({ "oid": "me" })),
        ("sub-missing", "no subject", json!({ "sub": null })),
        ("sub-not-oid", "neither clearly an app nor clearly a user", json!({ "sub": OTHER, "idtyp": null })),
        ("app-with-scope", "an app by `idtyp`, a user by `scp`", json!({ "idtyp": "app", "scp": "access" })),
        ("client-missing", "no client", json!({ client: null })),
        ("client-text", "a client that is no GUID", json!({ client: "me" })),
        ("client-twice", "two different clients", json!({ other_client: OTHER })),
        ("class-twice", "two different kinds of credential", json!({ other_class: "2" })),
    ]
}

/// Tokens with the issuer of another version or cloud.
fn versions(forge: &Forge) -> Cases {
    let (base, tenant) = (&forge.instance, forge.text("tid"));
    let (v1, v2) = (format!("{base}/{tenant}/"), format!("{base}/{tenant}/v2.0"));
    // Azure China and Azure Government.
    let (other, other_issuer, other_cloud) = match forge.version {
        Version::V1 => ("2.0", &v2, format!("https://sts.chinacloudapi.cn/{tenant}/")),
        Version::V2 => ("1.0", &v1, format!("https://login.microsoftonline.us/{tenant}/v2.0")),
    };
    let v1_of_client = json!({
        "ver": "1.0", "iss": v1.trim_end_matches('/'), "azp": null, "appid": forge.client(),
    });
    let mixed = "of one version, under the issuer of the other";
    let mut cases = vec![
        ("other-issuer", mixed, json!({ "iss": other_issuer })),
        ("other-ver", mixed, json!({ "ver": other })),
        ("v1-issuer-without-slash", "no issuer of either version", v1_of_client),
        ("v1-issuer-with-v2-path", "no issuer of either version", json!({ "iss": format!("{v2}/") })),
        ("other-cloud", "the issuer of another cloud", json!({ "iss": other_cloud })),
    ];
    if forge.version == Version::V2 {
        let aud = format!("api://{}", forge.text("aud"));
        cases.push(("v1-audience", "a v2.0 token with the audience of a v1.0 one", json!({ "aud": aud })));
        cases.push((
            "v1-client",
            "a v2.0 token with the client of a v1.0 one",
            json!({ "appid": forge.text("azp"), "azp": null }),
        ));
    }
    cases
}

/// Claims that are `null`, which differs from absent.
fn null_claims(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    for claim in ["iss", "aud", "exp", "nbf", "iat", "tid", "ver", "oid", "sub"] {
        let without = forge.claims_with(json!({ claim: null })).to_string();
        let text = without.replacen('{', &format!("{{\"{claim}\":null,"), 1);
        let token = forge.signed(forge.header().to_string(), text)?;
        row(rows, InvalidToken, (format!("null/{claim}"), format!("`{claim}` is null")), token);
    }
    Ok(())
}
