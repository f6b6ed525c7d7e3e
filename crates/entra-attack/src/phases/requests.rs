//! Requests whose credentials are misplaced or repeated, and real tokens for others.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;

use crate::admin::AdminError;
use crate::session::{Session, authorization, bearer};

const MALFORMED: [u16; 2] = [400, 401];

impl Session {
    pub(crate) async fn attack_requests(&self) -> Result<(), AdminError> {
        let good = self.good().await?;
        let bad = tampered(&good);
        for (id, scheme) in
            [("request/scheme-in-capitals", "BEARER"), ("request/scheme-in-lower-case", "bearer")]
        {
            let came = self.send_headers(authorization(&format!("{scheme} {good}"))).await;
            self.must_accept(id, &came, None);
        }
        let basic = "Basic dXNlcjpwYXNzd29yZA==".to_owned();
        for (id, value, statuses) in [
            ("request/no-scheme", good.clone(), &MALFORMED[..]),
            ("request/basic", basic, &[401]),
            ("request/dpop-scheme", format!("DPoP {good}"), &MALFORMED),
            ("request/empty-credential", "Bearer".to_owned(), &MALFORMED),
            ("request/two-in-one-header", format!("Bearer {good}, Bearer {good}"), &MALFORMED),
        ] {
            let came = self.send_headers(authorization(&value)).await;
            self.must_refuse(id, &came, statuses);
        }
        for (id, first, second) in [
            ("request/two-headers-good-bad", &good, &bad),
            ("request/two-headers-bad-good", &bad, &good),
            ("request/two-headers-good-good", &good, &good),
        ] {
            let mut headers = bearer(first);
            for value in bearer(second).into_iter().map(|(_, value)| value) {
                headers.append(header::AUTHORIZATION, value);
            }
            self.must_refuse(id, &self.send_headers(headers).await, &MALFORMED);
        }
        let route = &self.main.route;
        let path = format!("{}?access_token={good}", route.random_path());
        for (id, headers) in
            [("request/token-in-query", HeaderMap::new()), ("request/token-in-query-too", bearer(&good))]
        {
            self.must_refuse(id, &self.send_to(route, &path, headers).await, &MALFORMED);
        }
        let name = HeaderName::from_static("x-http-method-override");
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("OPTIONS"))]);
        self.must_refuse("request/method-override", &self.send_headers(headers).await, &[401]);
        // The good token was accepted before, so an API that remembers tokens knows its first two parts.
        self.send(&good).await;
        self.must_refuse("request/replayed-prefix", &self.send(&bad).await, &[401]);
        self.tokens_for_others().await
    }

    /// Sends tokens that the stand-in really issued, for another API and by another tenant.
    async fn tokens_for_others(&self) -> Result<(), AdminError> {
        let tenant = &self.tenant.id;
        let roles = json!([self.main.role]);
        let other = json!({ "name": "attack: another API" });
        let path = format!("tenants/{tenant}/applications");
        let other = self.admin.post(&path, other, "client_id").await?;
        let body = json!({
            "tenant": tenant, "client_id": self.client, "resource": other, "claims": { "roles": roles },
        });
        let token = self.admin.post("tokens", body, "access_token").await?;
        self.must_refuse("token/other-api", &self.send(&token).await, &[401]);

        let stranger = self.admin.post("tenants", json!({}), "id").await?;
        let caller = json!({ "name": "attack" });
        let client = self.admin.post(&format!("tenants/{stranger}/clients"), caller, "client_id").await?;
        // An API that every tenant may have is the same one there.
        let same = json!({ "roles": roles, "aud": self.api.client_id });
        let body = json!({ "tenant": stranger, "client_id": client, "resource": client, "claims": same });
        let token = self.admin.post("tokens", body, "access_token").await?;
        self.must_refuse("token/other-tenant", &self.send(&token).await, &[401]);
        self.admin.delete(&format!("tenants/{stranger}")).await
    }
}

/// Returns a token with another signature of the same length.
fn tampered(token: &str) -> String {
    let (front, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    // Not the last character, some of whose bits are unused.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{front}.{first}{}", signature.get(1..).unwrap_or_default())
}
