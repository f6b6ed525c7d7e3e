//! The attack as one line of a Rust test.

use std::future::Future;

use entra_stand_in::Tenant;
use http::Method;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::admin::Admin;
use crate::attack::Attack;
use crate::report::Profile;
use crate::route::Route;

/// Attacks an API from a test, with the tokens of a tenant that the test created.
pub trait AssertApi {
    /// Attacks the API at a URL, which must answer `GET` with 2xx to a token with this role of one of the tenant's APIs.
    ///
    /// Takes some ten seconds. Rolls the tenant's keys over, so give the test a tenant of its own.
    ///
    /// # Panics
    /// The API cannot be attacked, or a row fails under the profile strict. The message is the report.
    fn assert_api(&self, url: &str, role: &str) -> impl Future<Output = ()> + Send;
}

impl AssertApi for Tenant {
    async fn assert_api(&self, url: &str, role: &str) {
        let attack = attack(self, url, role).profile(Profile::Strict);
        match attack.run(&CancellationToken::new()).await {
            Ok(report) => assert!(!report.has_failed(), "{url}\n{}", report.to_text()),
            Err(error) => panic!("{url}: {error}"),
        }
    }
}

/// Returns the attack on one route, by its whole URL.
fn attack(tenant: &Tenant, url: &str, role: &str) -> Attack {
    let mut base: Url = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
    let path = base.path().to_owned();
    base.set_path("/");
    Attack::new(Admin::local(tenant.admin()), base)
        .tenant(tenant.id().to_string())
        .route(Route { method: Method::GET, path }, role)
}
