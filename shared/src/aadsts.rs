//! Entra's error codes ("AADSTS…"), with causes and remedies.
//!
//! The stand-in answers with these codes, and clients explain them. Programs branch on the OAuth `error` instead; the
//! codes are for people.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use std::fmt;

/// A code with its cause and remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aadsts {
    /// The number after `AADSTS`.
    pub code: u32,
    /// What went wrong, in a sentence.
    pub cause: &'static str,
    /// The step that fixes it, in a sentence.
    pub remedy: &'static str,
}

impl fmt::Display for Aadsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AADSTS{}", self.code)
    }
}

/// Looks up a code.
#[must_use]
pub fn lookup(code: u32) -> Option<&'static Aadsts> {
    CATALOGUE.iter().find(|entry| entry.code == code)
}

macro_rules! catalogue {
    ($($code:literal: $cause:literal, $remedy:literal;)*) => {
        /// The codes that app-only flows can cause, in ascending order.
        pub const CATALOGUE: &[Aadsts] =
            &[$(Aadsts { code: $code, cause: $cause, remedy: $remedy }),*];
    };
}

catalogue! {
    28000: "The scope names more than one resource.",
        "Ask for one resource at a time: exactly one `{App ID URI}/.default`.";
    50027: "The client assertion is not a well-formed JWT.",
        "Send a compact JWS as `client_assertion`; check that no line break or quote got into it.";
    50048: "The assertion's `sub` is not its `iss`.",
        "Set both claims of the assertion to the client id.";
    50049: "The instance is not one that Entra knows.",
        "Correct `azure_ad.instance`, or switch instance discovery off for a host of your own.";
    50059: "The request names no tenant.",
        "Use the tenant's id or domain in the URL; client credentials cannot use `common` or `organizations`.";
    50166: "The issuer of the federated assertion could not be asked for its keys.",
        "Check that the issuer's discovery document and key set can be reached over https.";
    50196: "The client asks for the same token in a loop.",
        "Keep the token while it is usable, in one retriever for the whole process; then wait some minutes.";
    53003: "A Conditional Access policy blocks the client.",
        "Ask the tenant's administrator which workload identity policy applies to it.";
    70003: "The grant type is not supported.",
        "Send `grant_type=client_credentials`.";
    70011: "The scope is not that of a resource.",
        "Send `{App ID URI}/.default`, with the App ID URI from the resource's \"Expose an API\" page.";
    70021: "No federated identity credential matches the assertion.",
        "Add a federated credential with the assertion's issuer, subject and audience; a new one takes minutes to spread.";
    90002: "The tenant does not exist.",
        "Correct `azure_ad.tenant_id`, and check that `azure_ad.instance` is the tenant's cloud.";
    90014: "A required field is missing.",
        "Send the field that the message names.";
    90033: "Entra has a transient error.",
        "Try again, with pauses that grow.";
    90055: "The tenant gets too many requests.",
        "Wait as long as Retry-After says, and keep tokens while they are usable.";
    500011: "The tenant has no service principal for the resource.",
        "Correct the App ID URI, or have an administrator consent to the resource in this tenant.";
    500014: "The resource's service principal is disabled.",
        "Have an administrator enable the resource under Enterprise applications.";
    501051: "The resource demands an assignment, and the client has none.",
        "Grant the client an app role of the resource, with admin consent.";
    700016: "The tenant has no app with this client id.",
        "Correct `azure_ad.client_id` and `azure_ad.tenant_id`; they must belong together.";
    700021: "The assertion's `iss` or `sub` is not the client id.",
        "Set both claims of the assertion to the client id.";
    700022: "The scope names more than one resource, in the words of the documentation.",
        "Ask for one resource at a time: exactly one `{App ID URI}/.default`.";
    700023: "The assertion's audience is not this tenant's token endpoint.",
        "Set `aud` of the assertion to the token endpoint's URL.";
    700024: "The client assertion is outside its time of validity.",
        "Check this machine's clock; a federated token may have to be read again from its file.";
    700025: "The app is a public client and may not present a credential.",
        "Register it as a confidential client, or send no secret.";
    700027: "The certificate or signature of the client assertion was refused.",
        "Upload the certificate to the app registration, and check that it is the one the client signs with and has not expired.";
    700038: "The client id is not a valid application id.",
        "Set `azure_ad.client_id` to the Application (client) ID of the registration's overview page.";
    700211: "No federated credential has the assertion's issuer.",
        "Compare the federated credential's issuer with the assertion's `iss`, character by character.";
    700212: "No federated credential has the assertion's audience.",
        "The audience is usually `api://AzureADTokenExchange`; set it where the assertion is made.";
    700213: "No federated credential has the assertion's subject.",
        "Compare the federated credential's subject with the assertion's `sub`; case matters.";
    700222: "A token that Entra issued cannot serve as a federated assertion.",
        "Use a token of the external identity provider, or a managed identity.";
    700229: "A user's token cannot serve as a federated assertion.",
        "Have the external identity provider issue the token to the workload itself.";
    900023: "The tenant in the URL is neither an id nor a domain name.",
        "Set `azure_ad.tenant_id` to the Directory (tenant) ID of the overview page.";
    900144: "A parameter is missing from the request body.",
        "Send the parameter that the message names, as application/x-www-form-urlencoded.";
    900561: "The token endpoint takes POST only.",
        "Send the request as POST.";
    901002: "The v2 endpoint does not take `resource`.",
        "Send `scope={App ID URI}/.default`, or use the v1 endpoint.";
    1000502: "The certificate of the client assertion is outside its time of validity.",
        "Check this machine's clock, or sign with a certificate that is valid now.";
    1002012: "The scope does not end in `/.default`.",
        "Ask for `{App ID URI}/.default`; single permissions cannot be asked for.";
    5002723: "The client assertion's header names no certificate.",
        "Put the certificate's thumbprint in the header, as `x5t#S256`.";
    5002738: "The client assertion's signature algorithm is not supported.",
        "Sign with PS256 or RS256.";
    7000112: "The client's service principal is disabled.",
        "Have an administrator enable the app under Enterprise applications.";
    7000214: "The certificate has been revoked.",
        "Upload a new certificate and sign with it.";
    7000215: "The client secret is wrong.",
        "Use the secret's value, not its id; a new secret takes some seconds to spread.";
    7000216: "The request has no credential.",
        "Set `azure_ad.client_secret` (AZURE_CLIENT_SECRET).";
    7000218: "The request has neither a client secret nor a client assertion.",
        "Set `azure_ad.client_secret` (AZURE_CLIENT_SECRET).";
    7000222: "The client secret has expired.",
        "Add a new secret to the app registration and put it into use.";
    7000229: "The app has no service principal in this tenant.",
        "Have an administrator of the tenant consent to the app.";
    7000274: "The client assertion names a certificate that the app registration does not have.",
        "Upload the certificate that the client signs with, or sign with the one that is registered.";
    7000277: "The certificate of the client assertion has been revoked.",
        "Upload a new certificate and sign with it.";
    7002138: "A federated credential matches the subject but for upper and lower case.",
        "Correct the case of the federated credential's subject.";
    9001023: "The grant type cannot be used at `common`, `organizations` or `consumers`.",
        "Use the tenant's id or domain in the URL.";
    9002313: "The request is malformed.",
        "Send a body of application/x-www-form-urlencoded, each parameter once.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_every_entry_is_two_sentences() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.code < b.code));
        for entry in CATALOGUE {
            assert!(entry.cause.ends_with('.') && entry.remedy.ends_with('.'), "{entry}");
        }
    }
}
