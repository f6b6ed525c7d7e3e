//! The claims that this API accepts.
//!
//! <https://learn.microsoft.com/entra/identity-platform/claims-validation>

use std::ops::Range;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, ClientId};

use super::Tenancy;
use super::check::{Check, pass_all};
use super::claims::Claims;
use super::error::TokenFault;

/// The default clock skew between Entra and this machine.
///
/// Entra back-dates `nbf` by five minutes, so one minute covers a badly set clock.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// The longest token lifetime that is accepted, in seconds: 28 hours, the longest that Entra issues.
///
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime>
const MAX_LIFETIME_SECONDS: i64 = 28 * 60 * 60;

/// The accepted tenants, audiences and token versions.
#[derive(Debug, Clone)]
pub struct Expectations {
    tenancy: Tenancy,
    client_id: String,
    app_id_uris: Vec<String>,
    versions: Vec<Version>,
    clock_skew_seconds: i64,
}

impl Expectations {
    /// Accepts tokens of `versions` that one of the tenants issued for the API `client_id`.
    ///
    /// The audience of a v1.0 token may also be `api://{client_id}` or one of `app_id_uris`.
    #[must_use]
    pub fn new(
        tenancy: impl Into<Tenancy>,
        client_id: ClientId,
        app_id_uris: &[AppIdUri],
        versions: &[Version],
    ) -> Self {
        let default_uri = format!("api://{client_id}");
        let expectations = Self {
            tenancy: tenancy.into(),
            client_id: client_id.to_string(),
            app_id_uris: app_id_uris.iter().map(AppIdUri::to_string).chain([default_uri]).collect(),
            versions: versions.to_vec(),
            clock_skew_seconds: 0,
        };
        expectations.with_clock_skew(CLOCK_SKEW)
    }

    /// Sets the tolerated clock skew, in whole seconds.
    #[must_use]
    pub fn with_clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew_seconds = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
        self
    }

    /// Checks the claims at `now`, in seconds since 1970.
    pub(super) fn check(&self, claims: &Claims, now: i64) -> Result<(), TokenFault> {
        pass_all(self.checks(claims, now))
    }

    /// Returns the checks of the claims. The arithmetic saturates, since the caller chooses the numbers.
    pub(super) fn checks(&self, claims: &Claims, now: i64) -> [Check; 7] {
        let Claims { exp, nbf, iat, .. } = *claims;
        let issuer = self.issuer(claims);
        let latest_start = now.saturating_add(self.clock_skew_seconds);
        let lifetime = exp.saturating_sub(nbf.min(iat));
        [
            (TokenFault::Version, self.versions.contains(&claims.ver)),
            (TokenFault::Tenant, issuer.is_some()),
            // Compared exactly, for this tenant and version: Entra never issues a v1.0 token under the v2.0 issuer.
            (TokenFault::Issuer, issuer == Some(claims.iss.as_str())),
            (TokenFault::Audience, self.is_audience(claims)),
            (TokenFault::Expired, now.saturating_sub(self.clock_skew_seconds) < exp),
            (TokenFault::NotYetValid, nbf <= latest_start && iat <= latest_start),
            (TokenFault::Lifetime, nbf.max(iat) <= exp && lifetime <= MAX_LIFETIME_SECONDS),
        ]
    }

    /// Returns the time span in which a token with these claims is accepted, in seconds since 1970. [`Self::check`]
    /// must have accepted the claims.
    pub(super) fn validity(&self, claims: &Claims) -> Range<i64> {
        let start = claims.nbf.max(claims.iat).saturating_sub(self.clock_skew_seconds);
        start..claims.exp.saturating_add(self.clock_skew_seconds)
    }

    /// Returns whether a key that Entra publishes for `key_issuer` may sign a token with these claims.
    pub(super) fn is_key_issuer(&self, key_issuer: &str, claims: &Claims) -> bool {
        self.tenancy.issuers(claims.tid).is_some_and(|issuers| issuers.include(key_issuer, claims.ver))
    }

    /// Returns the accepted versions.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Returns the accepted audiences of tokens of this version.
    pub(crate) fn audiences(&self, version: Version) -> Vec<&str> {
        let uris = self.app_id_uris.iter().map(String::as_str).filter(|_| version == Version::V1);
        std::iter::once(self.client_id.as_str()).chain(uris).collect()
    }

    /// Returns the issuer that a token with these claims must have; `None` if its tenant is not accepted.
    pub(crate) fn issuer(&self, claims: &Claims) -> Option<&str> {
        self.tenancy.issuers(claims.tid).map(|issuers| issuers.for_version(claims.ver))
    }

    fn is_audience(&self, claims: &Claims) -> bool {
        let aud = claims.aud.as_str();
        match claims.ver {
            Version::V1 => {
                is_v1_audience(&self.client_id, aud)
                    || self.app_id_uris.iter().any(|uri| is_v1_audience(uri, aud))
            }
            Version::V2 => aud == self.client_id,
        }
    }
}

/// Returns whether the `aud` of a v1.0 token is this client id or App ID URI.
///
/// A client id, bare or after `api://`, is compared without case, since Entra writes it as the client spelled it in its
/// request. Any other App ID URI is compared exactly.
fn is_v1_audience(accepted: &str, aud: &str) -> bool {
    let is_client_id = || accepted.strip_prefix("api://").unwrap_or(accepted).parse::<ClientId>().is_ok();
    aud == accepted || (aud.eq_ignore_ascii_case(accepted) && is_client_id())
}

#[cfg(test)]
mod tests {
    use entra_shared::azure_ad::{Authority, Instance};
    use entra_shared::ids::TenantId;
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::TenantIndependentEndpoint;
    use crate::authentication::test_token::{AUDIENCE, INSTANCE, NOW, TENANT, claims, claims_v1};

    fn expectations(versions: &[Version]) -> Expectations {
        let authority =
            Authority::new(Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap(), None);
        let uris = [AppIdUri::parse("https://api.contoso.com").unwrap()];
        Expectations::new(authority, ClientId::parse(AUDIENCE).unwrap(), &uris, versions)
    }

    fn check(mut claims: Value, claim: &str, value: Value) -> Option<TokenFault> {
        claims[claim] = value;
        let claims = serde_json::from_value(claims).unwrap();
        expectations(&[Version::V1, Version::V2]).check(&claims, NOW).err()
    }

    #[test]
    fn tokens_of_both_versions_are_accepted_where_the_settings_say_so() {
        let (v1, v2) =
            (serde_json::from_value(claims_v1()).unwrap(), serde_json::from_value(claims()).unwrap());
        assert_eq!(expectations(&[Version::V1, Version::V2]).check(&v1, NOW), Ok(()));
        assert_eq!(expectations(&[Version::V1, Version::V2]).check(&v2, NOW), Ok(()));
        assert_eq!(expectations(&[Version::V2]).check(&v1, NOW), Err(TokenFault::Version));
        assert_eq!(expectations(&[Version::V1]).check(&v2, NOW), Err(TokenFault::Version));
    }

    #[test]
    fn the_issuer_is_compared_exactly_and_by_version() {
        let good = format!("{INSTANCE}/{TENANT}/v2.0");
        let other_tenant = "00000000-0000-4000-8000-000000000000";
        for issuer in [
            String::new(),
            format!("{good}/"),
            format!("{good} "),
            good.to_uppercase(),
            good.replace("https", "http"),
            good.replace("login.example", "login.example:443"),
            good.replace("login.example", "login.example.evil"),
            good.replace(TENANT, other_tenant),
            good.replace(TENANT, "{tenantid}"),
            good.replace("/v2.0", "/"),
            good.replace("/v2.0", ""),
        ] {
            assert_eq!(check(claims(), "iss", json!(issuer)), Some(TokenFault::Issuer), "{issuer}");
        }
        assert_eq!(check(claims_v1(), "iss", json!(good)), Some(TokenFault::Issuer));
        assert_eq!(
            check(claims_v1(), "iss", json!(format!("{INSTANCE}/{TENANT}"))),
            Some(TokenFault::Issuer)
        );
        assert_eq!(check(claims(), "tid", json!(other_tenant)), Some(TokenFault::Tenant));
    }

    #[test]
    fn the_audience_depends_on_the_version() {
        let uri = format!("api://{AUDIENCE}");
        let (upper_uri, upper_id) = (format!("api://{}", AUDIENCE.to_uppercase()), AUDIENCE.to_uppercase());
        for audience in [uri.as_str(), AUDIENCE, "https://api.contoso.com", &upper_uri, &upper_id] {
            assert_eq!(check(claims_v1(), "aud", json!(audience)), None, "{audience}");
        }
        let (upper, braces) = (AUDIENCE.to_uppercase(), format!("{{{AUDIENCE}}}"));
        for audience in
            ["", "x", uri.as_str(), "https://api.contoso.com", &upper, &braces, &AUDIENCE[1..], "a b"]
        {
            assert_eq!(check(claims(), "aud", json!(audience)), Some(TokenFault::Audience), "{audience}");
        }
        for audience in [
            "https://api.contoso.com/",
            "https://API.contoso.com",
            &braces,
            "api://e26f8b35-70d4-4c9a-b1e8-4a93d5c7f01e",
        ] {
            assert_eq!(check(claims_v1(), "aud", json!(audience)), Some(TokenFault::Audience), "{audience}");
        }
    }

    #[test]
    fn times_are_judged_to_the_second_with_a_minute_of_skew() {
        use TokenFault::{Expired, Lifetime, NotYetValid};
        let cases = [
            ("exp", NOW - 60, Some(Expired)),
            ("exp", NOW - 59, None),
            ("exp", -1, Some(Expired)),
            ("exp", i64::MIN, Some(Expired)),
            ("exp", i64::MAX, Some(Lifetime)),
            ("exp", NOW - 300 + MAX_LIFETIME_SECONDS, None),
            ("exp", NOW - 300 + MAX_LIFETIME_SECONDS + 1, Some(Lifetime)),
            ("nbf", NOW + 60, None),
            ("nbf", NOW + 61, Some(NotYetValid)),
            ("nbf", i64::MAX, Some(NotYetValid)),
            ("nbf", i64::MIN, Some(Lifetime)),
            ("iat", NOW + 60, None),
            ("iat", NOW + 61, Some(NotYetValid)),
        ];
        for (claim, value, expected) in cases {
            assert_eq!(
                check(claims(), claim, json!(value)),
                expected,
                "{claim} {}",
                value.saturating_sub(NOW)
            );
        }
        let mut contradictory = claims();
        contradictory["exp"] = json!(NOW + 10);
        assert_eq!(check(contradictory, "nbf", json!(NOW + 11)), Some(Lifetime));
    }

    #[test]
    fn a_tokens_validity_is_what_the_check_of_its_times_accepts() {
        let expectations = expectations(&[Version::V2]);
        for (nbf, iat, exp) in [(NOW, NOW, NOW + 600), (NOW + 9, NOW, NOW + 9), (NOW, NOW + 5, NOW + 3600)] {
            let mut claims = claims();
            (claims["nbf"], claims["iat"], claims["exp"]) = (nbf.into(), iat.into(), exp.into());
            let claims = serde_json::from_value(claims).unwrap();
            let validity = expectations.validity(&claims);
            for now in NOW - 100..NOW + 3_700 {
                assert_eq!(
                    expectations.check(&claims, now).is_ok(),
                    validity.contains(&now),
                    "{}",
                    now - NOW
                );
            }
        }
    }

    #[test]
    fn a_clock_near_1970_does_not_overflow() {
        let claims = serde_json::from_value(claims()).unwrap();
        for now in [i64::MIN, 0, 59] {
            assert_eq!(expectations(&[Version::V2]).check(&claims, now), Err(TokenFault::NotYetValid));
        }
        assert_eq!(expectations(&[Version::V2]).check(&claims, i64::MAX), Err(TokenFault::Expired));
    }

    #[test]
    fn a_keys_issuer_is_the_tokens_or_the_tenants_v2_issuer() {
        let expectations = expectations(&[Version::V1, Version::V2]);
        for claims in [claims(), claims_v1()] {
            let claims = serde_json::from_value(claims).unwrap();
            assert!(expectations.is_key_issuer(&format!("{INSTANCE}/{{tenantid}}/v2.0"), &claims));
            assert!(expectations.is_key_issuer(&format!("{INSTANCE}/{TENANT}/v2.0"), &claims));
            let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
            assert!(!expectations.is_key_issuer(&format!("{INSTANCE}/{consumers}/v2.0"), &claims));
        }
    }

    #[test]
    fn the_clock_skew_is_what_the_settings_say() {
        for skew in [0_i64, 1, 300] {
            let expectations =
                expectations(&[Version::V2]).with_clock_skew(Duration::from_secs(skew.unsigned_abs()));
            let times_of = |claim: &str, value: i64| {
                let mut claims = claims();
                claims[claim] = json!(value);
                expectations.check(&serde_json::from_value(claims).unwrap(), NOW)
            };
            assert_eq!(times_of("exp", NOW - skew), Err(TokenFault::Expired), "{skew}");
            assert_eq!(times_of("exp", NOW - skew + 1), Ok(()), "{skew}");
            assert_eq!(times_of("nbf", NOW + skew), Ok(()), "{skew}");
            assert_eq!(times_of("nbf", NOW + skew + 1), Err(TokenFault::NotYetValid), "{skew}");
        }
    }

    #[test]
    fn of_many_tenants_only_those_on_the_list_are_accepted_and_each_under_its_own_issuer() {
        const LISTED: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
        const UNLISTED: &str = "00000000-0000-4000-8000-000000000000";
        let instance = Instance::parse(INSTANCE).unwrap();
        let tenants = [TENANT, LISTED].map(|id| TenantId::parse(id).unwrap());
        let tenancy = Tenancy::of_tenants(&instance, TenantIndependentEndpoint::Organizations, &tenants);
        let expectations =
            Expectations::new(tenancy, ClientId::parse(AUDIENCE).unwrap(), &[], &[Version::V1, Version::V2]);
        let check = |mut claims: Value, tenant: &str, issuing_tenant: &str| {
            claims["tid"] = json!(tenant);
            claims["iss"] = json!(claims["iss"].as_str().unwrap().replace(TENANT, issuing_tenant));
            expectations.check(&serde_json::from_value(claims).unwrap(), NOW)
        };
        for claims in [claims(), claims_v1()] {
            assert_eq!(check(claims.clone(), TENANT, TENANT), Ok(()));
            assert_eq!(check(claims.clone(), LISTED, LISTED), Ok(()));
            assert_eq!(check(claims.clone(), UNLISTED, UNLISTED), Err(TokenFault::Tenant));
            assert_eq!(check(claims.clone(), UNLISTED, TENANT), Err(TokenFault::Tenant));
            for (tenant, issuing) in
                [(TENANT, LISTED), (LISTED, TENANT), (TENANT, "{tenantid}"), (TENANT, "organizations")]
            {
                assert_eq!(check(claims.clone(), tenant, issuing), Err(TokenFault::Issuer), "{issuing}");
            }
        }
    }
}
