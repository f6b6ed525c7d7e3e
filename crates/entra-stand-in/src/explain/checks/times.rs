//! Checks when a token is valid.

use serde_json::Value;

use super::{Facts, Found, problem};

/// The longest lifetime of an access token, in seconds: 28 hours, with continuous access evaluation.
///
/// <https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation>
const LONGEST_LIFE: i64 = 28 * 3600;

/// The clock skew to tolerate, in seconds.
const SKEW: i64 = 300;

impl Facts<'_> {
    /// Checks that the times are consistent and that the token is valid now.
    pub(super) fn times(&self) -> Found {
        let time = |name: &str| self.claims.get(name).and_then(Value::as_i64);
        let (Some(issued), Some(not_before), Some(expires)) = (time("iat"), time("nbf"), time("exp")) else {
            return problem(
                "`iat`, `nbf` or `exp` is missing or no number",
                "refuse it: every token of Entra's has all three",
            );
        };
        let now = self.now.as_second();
        if now >= expires {
            let ago = now.saturating_sub(expires);
            return problem(format!("expired {ago} s ago"), "get a new token: it lives for about an hour");
        }
        if not_before >= expires || issued >= expires {
            return problem(
                "it expires before it is valid or issued",
                "refuse it: Entra's `iat` and `nbf` are equal, and before `exp`",
            );
        }
        let wait = not_before.max(issued.saturating_sub(SKEW)).saturating_sub(now);
        if wait > 0 {
            return problem(
                format!("not valid for another {wait} s"),
                "set the clocks of both machines right",
            );
        }
        let life = expires.saturating_sub(not_before.min(issued));
        if life > LONGEST_LIFE + SKEW {
            return problem(
                format!("it lives for {life} s, longer than any of Entra's"),
                "refuse it: an access token lives for 28 hours at most",
            );
        }
        Ok(format!("valid for another {} s", expires.saturating_sub(now)))
    }
}
