//! What logs and metrics call the routes by.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::guard::RouteTable;

/// The templates of the routes. Looked up before the router is asked, so that what it never sees has a name as well.
#[derive(Debug, Default)]
pub(crate) struct RouteNames(matchit::Router<Arc<str>>);

impl RouteNames {
    /// The names of the routes in this table; what lies below the page goes by its name.
    pub(crate) fn of(table: &RouteTable, page: &str) -> Self {
        let below = [format!("{page}/"), format!("{page}/{{*rest}}")];
        let below = below.iter().map(|path| (path.as_str(), page));
        table.paths().map(|path| (path, path)).chain(below).collect()
    }

    /// The template that a path matches.
    pub(super) fn find(&self, path: &str) -> Option<Arc<str>> {
        self.0.at(path).ok().map(|found| Arc::clone(found.value))
    }
}

/// Paths with their names.
impl<'p> FromIterator<(&'p str, &'p str)> for RouteNames {
    fn from_iter<I: IntoIterator<Item = (&'p str, &'p str)>>(paths: I) -> Self {
        let mut names = matchit::Router::new();
        // Of several methods a path stands there several times.
        for (path, name) in paths.into_iter().collect::<BTreeMap<_, _>>() {
            // axum routes with the same, and takes no two paths that contradict each other.
            let _ = names.insert(path, name.into());
        }
        Self(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::PAGE;
    use crate::router::{api, table};

    #[test]
    fn a_path_is_called_by_the_template_of_its_route() {
        let names = RouteNames::of(&table(api().unwrap().policies()).unwrap(), PAGE);
        for (path, name) in [
            ("/health/live", Some("/health/live")),
            ("/api/resources", Some("/api/resources")),
            ("/api/resources/x", Some("/api/resources/{id}")),
            ("/api/resources/x/y", None),
            ("/api/resources/", None),
            ("/api", None),
            ("/openapi.json", Some("/openapi.json")),
            ("/openapi.json/", None),
            ("/openapi.json/x", None),
            ("/docs", Some("/docs")),
            ("/docs/", Some("/docs")),
            ("/docs/index.css", Some("/docs")),
            ("*", None),
        ] {
            assert_eq!(names.find(path).as_deref(), name, "{path}");
        }
    }
}
