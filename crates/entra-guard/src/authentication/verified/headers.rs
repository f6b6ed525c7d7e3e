//! Interned header segments.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The number of header segments that are interned. Tokens signed by one key share a header, and there are few keys.
const MAX_HEADERS: usize = 16;

/// The header segments of recently verified tokens, each stored once.
#[derive(Default)]
pub(super) struct Headers(Mutex<VecDeque<Arc<str>>>);

impl Headers {
    /// Returns the shared copy of this text.
    pub(super) fn intern(&self, header: &str) -> Arc<str> {
        let mut headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = headers.iter().find(|known| ***known == *header) {
            return Arc::clone(known);
        }
        if headers.len() == MAX_HEADERS {
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
    fn few_headers_are_stored_and_each_once() {
        let headers = Headers::default();
        let first = headers.intern("a");
        assert!(Arc::ptr_eq(&first, &headers.intern("a")));
        for number in 0..1000 {
            assert_eq!(*headers.intern(&number.to_string()), *number.to_string());
        }
        assert_eq!(headers.0.lock().unwrap().len(), MAX_HEADERS);
        assert!(!Arc::ptr_eq(&first, &headers.intern("a")));
    }
}
