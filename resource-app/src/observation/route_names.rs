//! What logs and metrics call the routes by.

use std::sync::Arc;

use crate::guard::RouteTable;

/// The templates of the routes. Looked up before the router is asked, so that what it never sees has a name as well.
#[derive(Debug, Default)]
pub(crate) struct RouteNames(matchit::Router<Arc<str>>);

impl RouteNames {
    /// The names of the routes in this table; what lies below a page goes by the page's name.
    pub(crate) fn of(table: &RouteTable, pages: &[&str]) -> Self {
        let mut names = matchit::Router::new();
        for path in table.paths() {
            let name: Arc<str> = path.into();
            // A path with several methods stands there several times.
            let _ = names.insert(path, Arc::clone(&name));
            if pages.contains(&path) {
                let _ = names.insert(format!("{path}/"), Arc::clone(&name));
                let _ = names.insert(format!("{path}/{{*rest}}"), name);
            }
        }
        Self(names)
    }

    /// The template that a path matches.
    pub(super) fn find(&self, path: &str) -> Option<Arc<str>> {
        self.0.at(path).ok().map(|found| Arc::clone(found.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::PATHS;
    use crate::router::{api, table};

    #[test]
    fn a_path_is_called_by_the_template_of_its_route() {
        let names = RouteNames::of(&table(api().unwrap().policies()).unwrap(), &PATHS);
        for (path, name) in [
            ("/health/live", Some("/health/live")),
            ("/api/resources", Some("/api/resources")),
            ("/api/resources/x", Some("/api/resources/{id}")),
            ("/api/resources/x/y", None),
            ("/api/resources/", None),
            ("/api", None),
            ("/openapi.json", Some("/openapi.json")),
            ("/docs", Some("/docs")),
            ("/docs/", Some("/docs")),
            ("/docs/index.css", Some("/docs")),
            ("*", None),
        ] {
            assert_eq!(names.find(path).as_deref(), name, "{path}");
        }
    }
}
