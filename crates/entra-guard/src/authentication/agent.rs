//! Agents: apps with an identity of Entra Agent ID.

use entra_shared::ids::ClientId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// An identity of Entra Agent ID, as its token describes it.
///
/// Nothing but the token tells an agent from another app, so an agent is recognised only if Entra writes these claims.
/// No token captured for this project has shown them: names and values are those that Microsoft documents.
///
/// <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-token-claims>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Agent {
    /// The client id of the blueprint that the agent was made from; `None` if the token does not name it readably.
    pub blueprint: Option<ClientId>,
}

/// The facets that mark an agent identity and an agent's user, in the claims `xms_act_fct` and `xms_sub_fct`.
const AGENT_FACETS: [u64; 2] = [11, 13];

impl Agent {
    /// Returns the agent that these claims describe, if they describe one. A claim that cannot be read counts as an
    /// agent's.
    pub(super) fn from_claims(
        xms_par_app_azp: Option<&Value>,
        xms_act_fct: Option<&Value>,
        xms_sub_fct: Option<&Value>,
    ) -> Option<Self> {
        let has_facet = [xms_act_fct, xms_sub_fct].into_iter().flatten().any(may_name_agent);
        let blueprint = xms_par_app_azp.and_then(Value::as_str).and_then(|id| ClientId::parse(id).ok());
        (xms_par_app_azp.is_some() || has_facet).then_some(Self { blueprint })
    }
}

/// Returns whether a list of numbers with spaces between them has an agent's facet, or cannot be read.
fn may_name_agent(facets: &Value) -> bool {
    let is_agents = |facet: &str| facet.parse().map_or(true, |facet| AGENT_FACETS.contains(&facet));
    facets.as_str().is_none_or(|facets| facets.split(' ').filter(|facet| !facet.is_empty()).any(is_agents))
}

/// Deserializes a claim that may be `null`, so that `null` differs from an absent claim.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BLUEPRINT: &str = "30cf4c22-9985-4ef7-8756-91cc888176bd";

    fn agent(claims: &Value) -> Option<Agent> {
        let claim = |name| claims.get(name);
        Agent::from_claims(claim("xms_par_app_azp"), claim("xms_act_fct"), claim("xms_sub_fct"))
    }

    #[test]
    fn an_agent_is_known_by_its_blueprint_or_by_a_facet() {
        let named = agent(&json!({ "xms_par_app_azp": BLUEPRINT.to_uppercase(), "xms_act_fct": "3 9" }));
        assert_eq!(named.unwrap().blueprint, Some(ClientId::parse(BLUEPRINT).unwrap()));
        for claim in ["xms_act_fct", "xms_sub_fct"] {
            for facets in ["11", "13", "3 9 11", "9 13 3", "  11 "] {
                assert_eq!(agent(&json!({ claim: facets })), Some(Agent { blueprint: None }), "{facets}");
            }
            for facets in ["", "3 9", "1 9", "111 113 1113", "1 1 3"] {
                assert_eq!(agent(&json!({ claim: facets })), None, "{facets}");
            }
        }
        assert_eq!(agent(&json!({ "xms_tnt_fct": "11", "xms_idrel": "11", "Xms_Act_Fct": "11" })), None);
    }

    #[test]
    fn an_agents_claim_that_cannot_be_read_counts_as_an_agents() {
        for odd in [
            json!(null),
            json!(7),
            json!(["3"]),
            json!({}),
            json!(true),
            json!("x"),
            json!("3,9"),
            json!("3\t9"),
        ] {
            for claim in ["xms_act_fct", "xms_sub_fct", "xms_par_app_azp"] {
                assert_eq!(agent(&json!({ claim: odd })), Some(Agent { blueprint: None }), "{claim} {odd}");
            }
        }
        assert_eq!(agent(&json!({ "xms_act_fct": "99999999999999999999" })), Some(Agent { blueprint: None }));
    }
}
