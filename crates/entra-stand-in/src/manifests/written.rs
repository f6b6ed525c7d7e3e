//! A registration written back as a manifest.

use entra_shared::settings::KeyProblem;
use serde_json::{Map, Value};

use crate::directory::{ManifestFormat, Registrations};

/// Members that only the server writes: a POST or PATCH that holds one is refused.
///
/// Secrets are among them: Graph makes them (`addPassword`), so that nobody else has ever known them.
/// <https://learn.microsoft.com/graph/api/resources/application#properties>
const READ_ONLY: [&str; 10] = [
    "appId",
    "applicationTemplateId",
    "certification",
    "createdDateTime",
    "deletedDateTime",
    "disabledByMicrosoftStatus",
    "id",
    "passwordCredentials",
    "publisherDomain",
    "verifiedPublisher",
];

/// Members of the lists' members that only the server writes.
const READ_ONLY_IN_LISTS: [(&str, &str); 2] =
    [("appRoles", "origin"), ("keyCredentials", "hasExtendedValue")];

impl Registrations {
    /// The manifest of an app, named by client id, display name or App ID URI, as JSON with its members in order.
    ///
    /// What only the server writes is left out, unless `whole` asks for the manifest as a tenant exports it.
    ///
    /// # Errors
    /// The directory has no such app.
    pub fn manifest(&self, app: &str, format: ManifestFormat, whole: bool) -> Result<String, KeyProblem> {
        let mut manifest = self.named(app)?.document.clone();
        if let (false, Value::Object(members)) = (whole, &mut manifest) {
            leave_out_read_only(members);
        }
        Ok(format!("{:#}\n", format.spell(manifest)))
    }
}

fn leave_out_read_only(members: &mut Map<String, Value>) {
    members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    for (list, name) in READ_ONLY_IN_LISTS {
        for member in members.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(member) = member.as_object_mut() {
                member.remove(name);
            }
        }
    }
    // A certificate without its key is a leftover of an export, and refused.
    if let Some(keys) = members.get_mut("keyCredentials").and_then(Value::as_array_mut) {
        keys.retain(|credential| credential.get("key").is_some_and(Value::is_string));
    }
}
