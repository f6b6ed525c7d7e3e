//! The first segments of the verified tokens, each kept once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept: the tokens that one key signs have the same, and there are few keys.
const MOST: usize = 16;

/// Header segments that were seen of late.
#[derive(Default)]
pub(super) struct Headers(Mutex<VecDeque<Arc<str>>>);

impl Headers {
    /// The same text, shared where it was seen of late.
    pub(super) fn share(&self, header: &str) -> Arc<str> {
        let mut headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = headers.iter().find(|known| ***known == *header) {
            return Arc::clone(known);
        }
        if headers.len() == MOST {
            headers.pop_front();
        }
        let header: Arc<str> = header.into();
        headers.push_back(Arc::clone(&header));
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_headers_are_kept_and_each_once() {
        let headers = Headers::default();
        let first = headers.share("a");
        assert!(Arc::ptr_eq(&first, &headers.share("a")));
        for number in 0..1000 {
            assert_eq!(*headers.share(&number.to_string()), *number.to_string());
        }
        assert_eq!(headers.0.lock().unwrap().len(), MOST);
        assert!(!Arc::ptr_eq(&first, &headers.share("a")));
    }
}
