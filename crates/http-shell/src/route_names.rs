//! The names of routes in logs and metrics.

use std::collections::BTreeMap;

/// The names of routes, looked up by path, so that requests refused before routing have a name too.
#[derive(Debug, Default)]
pub struct RouteNames(matchit::Router<Box<str>>);

impl RouteNames {
    /// Returns the name of the route that matches a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&str> {
        self.0.at(path).ok().map(|found| &**found.value)
    }
}

/// Collects pairs of a path template, as axum writes it, and the name for it.
impl<'p> FromIterator<(&'p str, &'p str)> for RouteNames {
    fn from_iter<I: IntoIterator<Item = (&'p str, &'p str)>>(paths: I) -> Self {
        let mut names = matchit::Router::new();
        // A path with several methods occurs several times.
        for (path, name) in paths.into_iter().collect::<BTreeMap<_, _>>() {
            // axum routes with the same crate, so every path that it accepts is accepted here.
            let taken = names.insert(path, name.into());
            debug_assert!(taken.is_ok(), "{path}: {taken:?}");
        }
        Self(names)
    }
}
