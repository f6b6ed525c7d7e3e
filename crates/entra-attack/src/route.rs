//! The routes that are attacked.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// A route of the API under test.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    pub(crate) method: Method,
    /// The path as it was given; a part in braces stands for an id.
    pub(crate) path: String,
}

/// A text that is no route.
#[derive(Debug, thiserror::Error)]
#[error("not a route like `GET /orders` or `GET /orders/{{id}}`")]
pub struct InvalidRoute;

/// An OpenAPI document that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not an OpenAPI document in JSON with `paths`")]
pub struct InvalidDescription(#[source] serde_json::Error);

impl Route {
    /// Returns whether requests to it change nothing (RFC 9110 section 9.2.1).
    pub(crate) fn is_safe(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// Returns a path to send, with a random id for each part in braces.
    pub(crate) fn random_path(&self) -> String {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((_, behind)) = after.split_once('}') else { break };
            path.push_str(before);
            path.push_str(&Uuid::new_v4().to_string());
            rest = behind;
        }
        path + rest
    }
}

impl FromStr for Route {
    type Err = InvalidRoute;

    fn from_str(text: &str) -> Result<Self, InvalidRoute> {
        let (method, path) = text.trim().split_once(' ').ok_or(InvalidRoute)?;
        let (method, path) = (method.to_uppercase().parse().map_err(|_| InvalidRoute)?, path.trim());
        if !path.starts_with('/') || path.contains(char::is_whitespace) {
            return Err(InvalidRoute);
        }
        Ok(Self { method, path: path.to_owned() })
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Returns the operations of an OpenAPI 3 document in JSON that its `security` does not declare public.
///
/// # Errors
/// The document is not one.
pub fn described_routes(document: &str) -> Result<Vec<Route>, InvalidDescription> {
    #[derive(Deserialize)]
    struct Document {
        paths: BTreeMap<String, BTreeMap<String, Value>>,
        security: Option<Vec<Value>>,
    }
    const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let document: Document = serde_json::from_str(document).map_err(InvalidDescription)?;
    let is_public = |security: &[Value]| security.iter().all(|one| one == &serde_json::json!({}));
    let mut routes = Vec::new();
    for (path, operations) in document.paths {
        for (method, operation) in operations {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let own = operation.get("security").and_then(Value::as_array);
            // A document that declares no security at all says nothing about what is public.
            let public = own.map(Vec::as_slice).or(document.security.as_deref()).is_some_and(is_public);
            if let (false, Ok(method)) = (public, method.to_uppercase().parse()) {
                routes.push(Route { method, path: path.clone() });
            }
        }
    }
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_a_method_and_a_path() {
        let route: Route = "get /orders/{id}/lines/{line}".parse().unwrap();
        assert_eq!(route.to_string(), "GET /orders/{id}/lines/{line}");
        let [one, other] = [route.random_path(), route.random_path()];
        assert!(one != other && !one.contains(['{', '}']) && one.starts_with("/orders/"), "{one}");
        for text in ["/orders", "GET orders", "GET", "G ET /x", "GET /a b"] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
    }

    #[test]
    fn operations_without_security_are_public_where_the_document_says_so() {
        let routes = |document: &str| -> Vec<String> {
            described_routes(document).unwrap().iter().map(ToString::to_string).collect()
        };
        let paths = r#""paths": { "/a": { "get": {}, "parameters": [] }, "/b": { "delete": { "security": [] } },
            "/c": { "post": { "security": [{ "bearer": [] }] } } }"#;
        assert_eq!(routes(&format!("{{{paths}}}")), ["GET /a", "POST /c"]);
        assert_eq!(routes(&format!("{{ {paths}, \"security\": [] }}")), ["POST /c"]);
        assert!(described_routes("{}").is_err());
    }
}
