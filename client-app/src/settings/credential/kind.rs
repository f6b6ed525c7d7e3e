//! Which keys go with which kind of credential.

use super::choice::{CREDENTIAL, Password, Source};
use super::{CredentialKind, CredentialSettings};
use entra_token::{AssertionOptions, UserAssigned};

impl CredentialSettings {
    /// Where the credential comes from, or what is wrong with its keys.
    pub(super) fn source(&self) -> Result<Source, String> {
        self.check_keys()?;
        let file = || {
            self.file.clone().ok_or_else(|| format!("`file` is missing: the path of {}", self.kind.noun()))
        };
        match self.kind {
            CredentialKind::Secret => match (&self.value, &self.file) {
                (Some(value), None) => Ok(Source::Secret(value.clone(), self.expires_on)),
                (None, Some(file)) => Ok(Source::SecretFile(file.clone(), self.expires_on)),
                (None, None) => Err("`value` or `file` is missing".to_owned()),
                (Some(_), Some(_)) => Err("`value` is set beside `file`; keep one of them".to_owned()),
            },
            CredentialKind::Certificate => Ok(Source::Certificate {
                file: file()?,
                private_key_file: self.private_key_file.clone(),
                password: self.password()?,
                options: self.options(),
            }),
            CredentialKind::Federated => Ok(Source::Federated(file()?)),
            CredentialKind::ManagedIdentity => {
                Err(format!("a managed identity stands alone; set `{CREDENTIAL}` instead of a list"))
            }
        }
    }

    /// Which of the machine's identities is meant.
    pub(super) fn user_assigned(&self) -> Result<Option<UserAssigned>, String> {
        self.check_keys()?;
        let by_client_id = self.client_id.map(UserAssigned::ClientId);
        let by_object_id = self.object_id.map(UserAssigned::ObjectId);
        let by_resource_id = self.resource_id.clone().map(UserAssigned::ResourceId);
        let mut named = [by_client_id, by_object_id, by_resource_id].into_iter().flatten();
        match (named.next(), named.next()) {
            (one, None) => Ok(one),
            _ => Err(
                "names the identity more than once; keep one of `client_id`, `object_id` and `resource_id`"
                    .to_owned(),
            ),
        }
    }

    fn password(&self) -> Result<Password, String> {
        match (&self.password, &self.password_file) {
            (None, None) => Ok(Password::None),
            (Some(value), None) => Ok(Password::Value(value.clone())),
            (None, Some(file)) => Ok(Password::File(file.clone())),
            (Some(_), Some(_)) => {
                Err("`password` is set beside `password_file`; keep one of them".to_owned())
            }
        }
    }

    fn options(&self) -> AssertionOptions {
        AssertionOptions {
            algorithm: self.algorithm.unwrap_or_default(),
            audience: self.audience.unwrap_or_default(),
            send_chain: self.send_chain.unwrap_or_default(),
        }
    }

    /// A key that means nothing to the kind was meant for another one.
    fn check_keys(&self) -> Result<(), String> {
        use CredentialKind::{Certificate, Federated, ManagedIdentity, Secret};
        let keys: [(&str, bool, &[CredentialKind]); 12] = [
            ("value", self.value.is_some(), &[Secret]),
            ("expires_on", self.expires_on.is_some(), &[Secret]),
            ("file", self.file.is_some(), &[Secret, Certificate, Federated]),
            ("private_key_file", self.private_key_file.is_some(), &[Certificate]),
            ("password", self.password.is_some(), &[Certificate]),
            ("password_file", self.password_file.is_some(), &[Certificate]),
            ("algorithm", self.algorithm.is_some(), &[Certificate]),
            ("audience", self.audience.is_some(), &[Certificate]),
            ("send_chain", self.send_chain.is_some(), &[Certificate]),
            ("client_id", self.client_id.is_some(), &[ManagedIdentity]),
            ("object_id", self.object_id.is_some(), &[ManagedIdentity]),
            ("resource_id", self.resource_id.is_some(), &[ManagedIdentity]),
        ];
        match keys.iter().find(|(_, is_set, kinds)| *is_set && !kinds.contains(&self.kind)) {
            Some((key, ..)) => {
                Err(format!("`{key}` does not go with {}; remove it, or correct `kind`", self.kind.noun()))
            }
            None => Ok(()),
        }
    }
}

impl CredentialKind {
    fn noun(self) -> &'static str {
        match self {
            Self::Secret => "a secret",
            Self::Certificate => "a certificate",
            Self::Federated => "a federated token",
            Self::ManagedIdentity => "a managed identity",
        }
    }
}
