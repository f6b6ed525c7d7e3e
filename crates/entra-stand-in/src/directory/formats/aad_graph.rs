//! The manifest in Azure AD Graph's format.

use serde_json::{Map, Value, json};

/// The member with the version of access tokens.
pub(super) const VERSION: &str = "accessTokenAcceptedVersion";

/// Top-level members that only this format has.
pub(super) const OWN_MEMBERS: [&str; 8] = [
    VERSION,
    "allowPublicClient",
    "informationalUrls",
    "oauth2AllowIdTokenImplicitFlow",
    "oauth2AllowImplicitFlow",
    "oauth2Permissions",
    "replyUrlsWithType",
    "signInUrl",
];

/// The paths of members in this format, and in Microsoft Graph's.
const MOVES: [(&[&str], &[&str]); 16] = [
    (&["name"], &["displayName"]),
    (&[VERSION], &["api", "requestedAccessTokenVersion"]),
    (&["acceptMappedClaims"], &["api", "acceptMappedClaims"]),
    (&["knownClientApplications"], &["api", "knownClientApplications"]),
    (&["oauth2Permissions"], &["api", "oauth2PermissionScopes"]),
    (&["preAuthorizedApplications"], &["api", "preAuthorizedApplications"]),
    (&["allowPublicClient"], &["isFallbackPublicClient"]),
    (&["oauth2AllowImplicitFlow"], &["web", "implicitGrantSettings", "enableAccessTokenIssuance"]),
    (&["oauth2AllowIdTokenImplicitFlow"], &["web", "implicitGrantSettings", "enableIdTokenIssuance"]),
    (&["logoutUrl"], &["web", "logoutUrl"]),
    (&["signInUrl"], &["web", "homePageUrl"]),
    (&["logoUrl"], &["info", "logoUrl"]),
    (&["informationalUrls", "marketing"], &["info", "marketingUrl"]),
    (&["informationalUrls", "privacy"], &["info", "privacyStatementUrl"]),
    (&["informationalUrls", "support"], &["info", "supportUrl"]),
    (&["informationalUrls", "termsOfService"], &["info", "termsOfServiceUrl"]),
];

/// Members of lists whose names differ. Each entry is the list's path in Microsoft Graph's format, the name here, and
/// the name there.
const RENAMES: [(&[&str], &str, &str); 7] = [
    (&["passwordCredentials"], "startDate", "startDateTime"),
    (&["passwordCredentials"], "endDate", "endDateTime"),
    (&["passwordCredentials"], "value", "secretText"),
    (&["keyCredentials"], "startDate", "startDateTime"),
    (&["keyCredentials"], "endDate", "endDateTime"),
    (&["keyCredentials"], "value", "key"),
    (&["api", "preAuthorizedApplications"], "permissionIds", "delegatedPermissionIds"),
];

/// Lists whose members have a `lang` in this format, always null.
const WITH_LANGUAGE: [&[&str]; 2] = [&["appRoles"], &["api", "oauth2PermissionScopes"]];

/// The kinds of redirect URIs. Each entry is the `type` here, and the object in Microsoft Graph's format.
const REDIRECTS: [(&str, &str); 3] = [("Web", "web"), ("Spa", "spa"), ("InstalledClient", "publicClient")];

/// Members that only Microsoft Graph's format has, in addition to those in `MOVES`.
const GRAPH_MEMBERS: [&str; 14] = [
    "api",
    "applicationTemplateId",
    "defaultRedirectUri",
    "deletedDateTime",
    "info",
    "isDeviceOnlyAuthSupported",
    "nativeAuthenticationApisEnabled",
    "publicClient",
    "requestSignatureVerification",
    "serviceManagementReference",
    "servicePrincipalLockConfiguration",
    "spa",
    "uniqueName",
    "web",
];

/// Converts a manifest from this format to Microsoft Graph's.
pub(super) fn into_graph(mut manifest: Value) -> Value {
    for (old, new) in MOVES {
        relocate(&mut manifest, old, new);
    }
    for (list, old, new) in RENAMES {
        each_member(&mut manifest, list, |member| rename(member, old, new));
    }
    for list in WITH_LANGUAGE {
        each_member(&mut manifest, list, |member| {
            member.remove("lang");
        });
    }
    if let Some(Value::Array(replies)) = take(&mut manifest, &["replyUrlsWithType"]) {
        for (kind, object) in REDIRECTS {
            let of_kind = |reply: &&Value| reply.get("type").and_then(Value::as_str) == Some(kind);
            let urls = replies.iter().filter(of_kind).filter_map(|reply| reply.get("url").cloned());
            put(&mut manifest, &[object, "redirectUris"], urls.collect());
        }
    }
    manifest
}

/// Converts a manifest from Microsoft Graph's format to this one; members without a counterpart are dropped.
pub(super) fn from_graph(mut manifest: Value) -> Value {
    for (list, old, new) in RENAMES {
        each_member(&mut manifest, list, |member| rename(member, new, old));
    }
    for list in WITH_LANGUAGE {
        each_member(&mut manifest, list, |member| {
            member.insert("lang".to_owned(), Value::Null);
        });
    }
    let mut replies = Vec::new();
    for (kind, object) in REDIRECTS {
        if let Some(Value::Array(urls)) = take(&mut manifest, &[object, "redirectUris"]) {
            replies.extend(urls.into_iter().map(|url| json!({ "url": url, "type": kind })));
        }
    }
    put(&mut manifest, &["replyUrlsWithType"], Value::Array(replies));
    for (old, new) in MOVES {
        relocate(&mut manifest, new, old);
    }
    if let Value::Object(members) = &mut manifest {
        for name in GRAPH_MEMBERS {
            members.remove(name);
        }
    }
    manifest
}

/// Returns a member's path in this format.
pub(super) fn old_spelling(path: &str) -> String {
    for (old, new) in MOVES {
        if let Some(rest) = path.strip_prefix(&new.join(".")) {
            return format!("{}{rest}", old.join("."));
        }
    }
    match RENAMES.iter().find(|(list, _, new)| {
        path.starts_with(&list.join(".")) && path.rsplit('.').next().is_some_and(|name| name == *new)
    }) {
        Some((_, old, new)) => format!("{}{old}", path.strip_suffix(new).unwrap_or_default()),
        None => path.to_owned(),
    }
}

fn relocate(manifest: &mut Value, from: &[&str], to: &[&str]) {
    if let Some(value) = take(manifest, from) {
        put(manifest, to, value);
    }
}

/// Removes a member, and its parent object if that becomes empty.
fn take(value: &mut Value, path: &[&str]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let members = value.as_object_mut()?;
    if rest.is_empty() {
        return members.remove(*first);
    }
    let inner = members.get_mut(*first)?;
    let taken = take(inner, rest);
    if inner.as_object().is_some_and(Map::is_empty) {
        members.remove(*first);
    }
    taken
}

/// Sets a member, creating missing parent objects.
fn put(value: &mut Value, path: &[&str], new: Value) {
    let Some((first, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if let Some(members) = value.as_object_mut() {
        put(members.entry(*first).or_insert_with(|| json!({})), rest, new);
    }
}

fn each_member(manifest: &mut Value, list: &[&str], change: impl Fn(&mut Map<String, Value>)) {
    let list = list.iter().try_fold(manifest, |value, name| value.get_mut(name));
    for member in list.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(member) = member.as_object_mut() {
            change(member);
        }
    }
}

fn rename(member: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = member.remove(from) {
        member.insert(to.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        let old = json!({
            "accessTokenAcceptedVersion": 2,
            "appRoles": [{ "id": "r", "lang": null, "origin": "Application" }],
            "informationalUrls": { "support": "https://contoso.com/support" },
            "keyCredentials": [{ "startDate": "a", "endDate": "b", "value": null }],
            "name": "App",
            "oauth2AllowImplicitFlow": false,
            "preAuthorizedApplications": [{ "appId": "x", "permissionIds": ["p"] }],
            "replyUrlsWithType": [{ "url": "https://contoso.com", "type": "Web" }],
        });
        let graph = into_graph(old.clone());
        assert_eq!(graph["api"]["requestedAccessTokenVersion"], 2);
        assert_eq!(graph["api"]["preAuthorizedApplications"][0]["delegatedPermissionIds"][0], "p");
        assert_eq!(graph["web"]["implicitGrantSettings"]["enableAccessTokenIssuance"], false);
        assert_eq!(graph["web"]["redirectUris"][0], "https://contoso.com");
        assert_eq!(
            graph["keyCredentials"][0],
            json!({ "startDateTime": "a", "endDateTime": "b", "key": null })
        );
        assert_eq!(graph["appRoles"][0], json!({ "id": "r", "origin": "Application" }));
        assert_eq!(graph["displayName"], "App");
        assert_eq!(from_graph(graph), old);
    }

    #[test]
    fn what_is_not_an_object_stays_what_it_is() {
        for value in [json!(null), json!([1]), json!("x")] {
            assert_eq!(into_graph(value.clone()), value);
        }
        assert_eq!(into_graph(json!({ "appRoles": 7, "api": 1 })), json!({ "appRoles": 7, "api": 1 }));
    }
}
