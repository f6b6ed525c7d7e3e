//! The report's page in a real browser.

use std::path::Path;

use serde_json::json;
use tests::browser::Browser;

use crate::command::skipped;

/// Looks at a page in light and dark, wide and narrow: it fits, and it requests nothing.
pub(super) async fn page_is_whole_and_requests_nothing(path: &Path) {
    let browser = match Browser::start().await {
        Ok(browser) => browser,
        Err(reason) => {
            skipped::<()>(&reason);
            return;
        }
    };
    let url = format!("file://{}", path.display());
    for scheme in ["light", "dark"] {
        for width in [1300, 400] {
            browser.set_window(width, 900, scheme).await;
            browser.open(&url).await;
            let page = browser
                .run(
                    "return { requests: performance.getEntriesByType('resource').length, \
                     overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth, \
                     background: getComputedStyle(document.body).backgroundColor, \
                     findings: document.querySelectorAll('section').length, title: document.title };",
                    json!([]),
                )
                .await;
            assert_eq!(page["requests"], 0, "{page}");
            assert_eq!(page["overflow"], 0, "{width} pixels wide: {page}");
            assert!(page["findings"].as_u64().unwrap() > 20, "{page}");
            let expected = if scheme == "light" { "rgb(255, 255, 255)" } else { "rgb(13, 17, 23)" };
            assert_eq!(page["background"], expected, "{page}");
            assert!(page["title"].as_str().unwrap().starts_with("Failed: http://127.0.0.1"), "{page}");
        }
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}
