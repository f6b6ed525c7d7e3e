//! Every route without a token and without the role.

use http::HeaderMap;
use serde_json::json;

use crate::admin::AdminError;
use crate::report::Row;
use crate::route::Route;
use crate::rows;
use crate::session::{Session, bearer};

impl Session {
    pub(crate) async fn attack_routes(&self) -> Result<(), AdminError> {
        for guarded in &self.routes {
            let route = &guarded.route;
            if !self.may_send("route/without-token", route) {
                continue;
            }
            let came = self.send_to(route, &route.random_path(), HeaderMap::new()).await;
            self.record(self.refused(of_route("route/without-token", route), &came, &[401]));
            let without_role = of_route("route/without-role", route);
            if self.lets_in(&came) {
                self.record(without_role.undecided("the route answers without a token too"));
                continue;
            }
            let token = self.mint(json!({ "roles": null }), None).await?;
            let came = self.send_to(route, &route.random_path(), bearer(&token)).await;
            self.record(self.refused(without_role, &came, &[403]));
        }
        Ok(())
    }

    /// Sends no token to the operations of an OpenAPI document.
    pub(crate) async fn attack_described(&self, routes: &[Route]) {
        self.phase("operations of the OpenAPI document");
        for route in routes {
            if self.may_send("route/described", route) {
                let came = self.send_to(route, &route.random_path(), HeaderMap::new()).await;
                self.record(self.refused(of_route("route/described", route), &came, &[401]));
            }
        }
    }

    /// Returns whether a route's method is harmless or allowed; records what is not sent.
    fn may_send(&self, id: &str, route: &Route) -> bool {
        if route.is_safe() || self.unsafe_methods {
            return true;
        }
        self.record(
            of_route(id, route).undecided("not sent, since it could change something; see --unsafe-methods"),
        );
        false
    }
}

fn of_route(id: &str, route: &Route) -> Row {
    let own = rows::own(id);
    Row::new(&format!("{id} {route}"), rows::named(own.finding), own.sent, own.expected)
}
