//! The names of routes in logs and metrics.

use http_shell::route_names::RouteNames;

use crate::guard::RouteTable;

/// Names the routes in this table by their templates, and everything below the page by the page.
pub(crate) fn route_names(table: &RouteTable, page: &str) -> RouteNames {
    let below = [format!("{page}/"), format!("{page}/{{*rest}}")];
    let below = below.iter().map(|path| (path.as_str(), page));
    table.paths().map(|path| (path, path)).chain(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::PAGE;
    use crate::router::{api, table};

    #[test]
    fn a_path_is_called_by_the_template_of_its_route() {
        let names = route_names(&table(api().unwrap().policies()).unwrap(), PAGE);
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
            assert_eq!(names.find(path), name, "{path}");
        }
    }
}
