//! What logs and metrics call the routes of a service by.

use std::collections::BTreeMap;

/// The names of routes. Looked up by the path alone, so that what no router has seen yet has a name as well.
#[derive(Debug, Default)]
pub struct RouteNames(matchit::Router<Box<str>>);

impl RouteNames {
    /// The name of the route that a path belongs to.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&str> {
        self.0.at(path).ok().map(|found| &**found.value)
    }
}

/// Templates of paths, as axum writes them, with their names.
impl<'p> FromIterator<(&'p str, &'p str)> for RouteNames {
    fn from_iter<I: IntoIterator<Item = (&'p str, &'p str)>>(paths: I) -> Self {
        let mut names = matchit::Router::new();
        // Of several methods a path stands there several times.
        for (path, name) in paths.into_iter().collect::<BTreeMap<_, _>>() {
            // axum routes with the same crate, and would not have taken a path that cannot be taken here.
            let taken = names.insert(path, name.into());
            debug_assert!(taken.is_ok(), "{path}: {taken:?}");
        }
        Self(names)
    }
}
