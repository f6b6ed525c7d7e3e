//! Authenticates a request, step by step.

use std::ops::Range;
use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;

use super::claims::Claims;
use super::credential::Credential;
use super::error::{AuthenticationError, TokenFault};
use super::keys::{KeyError, Keys, SigningKey};
use super::token::UnverifiedToken;
use super::verified::{Verified, VerifiedTokenSettings, VerifiedTokenStatus, VerifiedTokens};
use super::{Caller, Expectations};

/// Authenticates requests by their bearer token.
#[derive(Debug)]
pub struct Authenticator {
    expectations: Expectations,
    keys: Keys,
    verified: VerifiedTokens,
}

impl Authenticator {
    /// Creates an authenticator that accepts tokens which meet the expectations and are signed by one of the keys.
    #[must_use]
    pub fn new(expectations: Expectations, keys: Keys, settings: VerifiedTokenSettings) -> Self {
        Self { expectations, keys, verified: VerifiedTokens::new(settings) }
    }

    /// Returns the signing keys, for health checks and metrics.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Returns the state of the cache of verified tokens.
    #[must_use]
    pub fn verified_tokens(&self) -> VerifiedTokenStatus {
        self.verified.status()
    }

    /// Returns the caller that the request's access token names.
    ///
    /// # Errors
    /// There is no access token, this API does not accept it, or there are no keys to verify it with.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Arc<Caller>, AuthenticationError> {
        self.authenticate_at(headers, query, Timestamp::now().as_second()).await
    }

    /// Authenticates a request at `now`, in seconds since 1970.
    ///
    /// A cached token is verified again only if the keys or the time could have changed the result.
    pub(super) async fn authenticate_at(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: i64,
    ) -> Result<Arc<Caller>, AuthenticationError> {
        let credential = Credential::find(headers, query)?;
        // Before the key lookup: if the keys change meanwhile, the result counts for the old ones.
        let generation = self.keys.generation();
        let known = generation.and_then(|it| self.verified.find(credential.as_bytes(), it, now));
        if let Some(caller) = known {
            return Ok(caller);
        }
        let token = credential.token()?;
        // Boxed because most tokens are cached, and every request's future would hold space for it.
        let (caller, validity) = Box::pin(self.verify(token, now)).await?;
        let caller = Arc::new(caller);
        if let Some(generation) = generation {
            let verified = Verified { caller: Arc::clone(&caller), validity, generation };
            self.verified.insert(token, verified, now);
        }
        Ok(caller)
    }

    /// Verifies a token, and returns its caller with the time span in which it is accepted.
    pub(super) async fn verify(
        &self,
        token: &str,
        now: i64,
    ) -> Result<(Caller, Range<i64>), AuthenticationError> {
        let token = UnverifiedToken::parse(token)?;
        // Before the key lookup, so that a token for another API never causes a fetch. The signature covers these
        // claims, so checking them first is safe.
        self.expectations.check(token.unverified_claims(), now)?;
        let key = self.keys.find(token.key_id()).await?;
        if !self.may_sign(&key, token.unverified_claims()) {
            return Err(TokenFault::KeyIssuer.into());
        }
        let validity = self.expectations.validity(token.unverified_claims());
        Ok((Caller::new(token.verify(&key)?)?, validity))
    }

    /// Returns whether Entra publishes the key for the issuer of the token.
    pub(super) fn may_sign(&self, key: &SigningKey, claims: &Claims) -> bool {
        key.issuer().is_none_or(|issuer| self.expectations.is_key_issuer(issuer, claims))
    }

    pub(super) fn expectations(&self) -> &Expectations {
        &self.expectations
    }
}

impl From<KeyError> for AuthenticationError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => TokenFault::KeyUnknown.into(),
            KeyError::Unavailable => Self::KeysUnavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::azure_ad::Version;
    use entra_shared::claims::ClientAuthentication;
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::keys::KeySet;
    use crate::authentication::test_token::{
        CLIENT, HEADER, INSTANCE, NOW, TestKey, authenticator, claims, claims_v1,
    };

    fn parse(key_set: &Value) -> KeySet {
        KeySet::parse(key_set.to_string().as_bytes()).unwrap()
    }

    async fn identify(
        authenticator: &Authenticator,
        token: &str,
        now: i64,
    ) -> Result<Arc<Caller>, AuthenticationError> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        authenticator.authenticate_at(&headers, None, now).await
    }

    async fn fault_of(authenticator: &Authenticator, token: &str) -> Option<AuthenticationError> {
        identify(authenticator, token, NOW).await.err()
    }

    #[tokio::test]
    async fn a_signed_token_of_either_version_names_its_caller() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let caller = identify(&authenticator, &key.sign(HEADER, &claims()), NOW).await.unwrap();
        assert_eq!(caller.client_id().to_string(), CLIENT);
        assert_eq!(caller.roles(), ["Resource.Read"]);
        assert_eq!(caller.client_authentication(), Some(ClientAuthentication::Secret));
        assert!(caller.is_app_only());
        let caller = identify(&authenticator, &key.sign(HEADER, &claims_v1()), NOW).await.unwrap();
        assert_eq!(caller.version(), Version::V1);
        assert_eq!(caller.client_authentication(), Some(ClientAuthentication::Certificate));
    }

    #[tokio::test]
    async fn only_the_named_key_verifies_a_token() {
        let (first, second, attacker) = (TestKey::new(), TestKey::new(), TestKey::new());
        let authenticator = authenticator(&json!({ "keys": [first.jwk("K1"), second.jwk("K2")] }));
        let good = first.sign(HEADER, &claims());
        let (message, signature) = good.rsplit_once('.').unwrap();
        let wrong_signature = |signature: &str| format!("{message}.{signature}");
        let mut more = claims();
        more["roles"] = json!(["Resource.Write"]);
        let other = first.sign(HEADER, &more);
        for token in [
            second.sign(HEADER, &claims()),
            attacker.sign(HEADER, &claims()),
            attacker.sign(
                &json!({ "alg": "RS256", "kid": "K1", "jwk": attacker.jwk("K1") }).to_string(),
                &claims(),
            ),
            wrong_signature("AA"),
            wrong_signature(&signature[..signature.len() - 2]),
            wrong_signature(&format!("AAAA{signature}")),
            format!("{}.{signature}", other.rsplit_once('.').unwrap().0),
        ] {
            let fault = fault_of(&authenticator, &token).await;
            assert_eq!(fault, Some(TokenFault::Signature.into()), "{token}");
        }
        for key_id in ["k1", "K1 ", "K3", "../../dev/null", "K1' OR '1'='1"] {
            let token = first.sign(&json!({ "alg": "RS256", "kid": key_id }).to_string(), &claims());
            assert_eq!(
                fault_of(&authenticator, &token).await,
                Some(TokenFault::KeyUnknown.into()),
                "{key_id}"
            );
        }
    }

    #[tokio::test]
    async fn a_key_of_another_issuer_does_not_count() {
        let (key, bare) = (TestKey::new(), TestKey::new());
        let mut foreign = key.jwk("K1");
        foreign["issuer"] = json!(format!("{INSTANCE}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"));
        // The keys of v1.0 documents carry no issuer.
        let mut without = bare.jwk("K2");
        without.as_object_mut().unwrap().remove("issuer");
        let authenticator = authenticator(&json!({ "keys": [foreign, without] }));
        let fault = fault_of(&authenticator, &key.sign(HEADER, &claims())).await;
        assert_eq!(fault, Some(TokenFault::KeyIssuer.into()));
        let token = bare.sign(&HEADER.replace("K1", "K2"), &claims());
        assert_eq!(fault_of(&authenticator, &token).await, None);
    }

    #[tokio::test]
    async fn a_token_must_be_clearly_an_apps_or_clearly_a_users() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let cases = [
            (json!({}), Some(true)),
            (json!({ "idtyp": null }), Some(true)),
            (json!({ "idtyp": "user", "scp": "access_as_user" }), Some(false)),
            (json!({ "idtyp": "user" }), Some(false)),
            (json!({ "idtyp": null, "scp": "access_as_user", "sub": "pairwise" }), Some(false)),
            (json!({ "idtyp": null, "sub": "pairwise" }), None),
            // An app by its own statement, such as an agent.
            (json!({ "sub": "pairwise" }), Some(true)),
            (json!({ "sub": "/eid1/c/pub/t/x", "scp": "/" }), Some(true)),
            (json!({ "scp": "" }), Some(true)),
            (json!({ "scp": "/", "sub": "" }), Some(true)),
            (json!({ "idtyp": null, "scp": "/" }), Some(false)),
            (json!({ "scp": "access_as_user" }), None),
            (json!({ "scp": " " }), None),
            (json!({ "scp": "//" }), None),
            (json!({ "scp": "/ access_as_user" }), None),
            (json!({ "idtyp": "App" }), None),
            (json!({ "idtyp": "", "scp": "access_as_user" }), None),
        ];
        for (changes, app_only) in cases {
            let mut claims = claims();
            claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let verified = identify(&authenticator, &key.sign(HEADER, &claims), NOW).await;
            match app_only {
                Some(app_only) => assert_eq!(verified.unwrap().is_app_only(), app_only, "{changes}"),
                None => assert_eq!(verified.unwrap_err(), TokenFault::Subject.into(), "{changes}"),
            }
        }
        let mut nameless = claims();
        nameless.as_object_mut().unwrap().remove("azp");
        let fault = fault_of(&authenticator, &key.sign(HEADER, &nameless)).await;
        assert_eq!(fault, Some(TokenFault::Claims.into()));
    }

    #[tokio::test]
    async fn an_agent_is_an_app_whose_blueprint_the_caller_knows() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let agent = |mut claims: Value| {
            claims["xms_par_app_azp"] = json!("30cf4c22-9985-4ef7-8756-91cc888176bd");
            claims["xms_act_fct"] = json!("3 9 11");
            claims["sub"] = json!("cccccccc-1111-2222-3333-444444444444");
            claims
        };
        for claims in [claims(), claims_v1()] {
            let caller = identify(&authenticator, &key.sign(HEADER, &claims), NOW).await.unwrap();
            assert_eq!(caller.agent(), None);
            let caller = identify(&authenticator, &key.sign(HEADER, &agent(claims)), NOW).await.unwrap();
            assert!(caller.is_app_only());
            let blueprint = caller.agent().unwrap().blueprint.unwrap();
            assert_eq!(blueprint.to_string(), "30cf4c22-9985-4ef7-8756-91cc888176bd");
        }
    }

    #[tokio::test]
    async fn a_verified_token_is_not_verified_again() {
        let key = TestKey::new();
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let token = key.sign(HEADER, &claims());
        let first = identify(&authenticator, &token, NOW).await.unwrap();
        let second = identify(&authenticator, &token, NOW + 1).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(authenticator.verified_tokens(), VerifiedTokenStatus { tokens: 1, hits: 1, misses: 1 });
        for other in [format!("{token}="), format!("{token}A"), token.replacen('.', ".A", 1)] {
            assert!(fault_of(&authenticator, &other).await.is_some());
        }
    }

    #[tokio::test]
    async fn a_verified_token_ends_when_it_would_be_refused_anew() {
        let key = TestKey::new();
        let key_set = parse(&json!({ "keys": [key.jwk("K1")] }));
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1"), TestKey::new().jwk("K2")] }));
        let token = key.sign(HEADER, &claims());
        let first = identify(&authenticator, &token, NOW).await.unwrap();
        let last = identify(&authenticator, &token, NOW + 3600 + 59).await.unwrap();
        assert!(Arc::ptr_eq(&first, &last));
        for (now, fault) in [(NOW + 3660, TokenFault::Expired), (NOW - 361, TokenFault::NotYetValid)] {
            assert_eq!(identify(&authenticator, &token, now).await, Err(fault.into()));
        }
        // Other keys, though the token's is among them: verified anew. Without it: refused at once.
        authenticator.keys().replace(key_set);
        let anew = identify(&authenticator, &token, NOW).await.unwrap();
        assert!(!Arc::ptr_eq(&first, &anew));
        authenticator.keys().replace(parse(&json!({ "keys": [TestKey::new().jwk("K1")] })));
        assert_eq!(fault_of(&authenticator, &token).await, Some(TokenFault::Signature.into()));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_token_that_was_refused() {
        let (key, attacker) = (TestKey::new(), TestKey::new());
        let authenticator = authenticator(&json!({ "keys": [key.jwk("K1")] }));
        let forged = attacker.sign(HEADER, &claims());
        let mut ambiguous = claims();
        (ambiguous["sub"], ambiguous["idtyp"]) = (json!("pairwise"), Value::Null);
        for token in [forged, key.sign(HEADER, &ambiguous)] {
            let fault = fault_of(&authenticator, &token).await.unwrap();
            assert_eq!(fault_of(&authenticator, &token).await, Some(fault));
        }
        assert_eq!(authenticator.verified_tokens().tokens, 0);
    }
}
