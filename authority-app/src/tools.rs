//! Runs the tools of `entra-tools` on the stand-in's directory.

use entra_shared::one_line;
use entra_shared::settings::{KeyProblem, SettingsError};
use entra_stand_in::{ManifestFormat, RegisteredPrincipal, RegisteredTenant, Registrations, graph_manifest};
use entra_tools::{
    Difference, ExportedPrincipal, Grant, Manifest, ServicePrincipal, Tenant, manifest_drift,
    principal_drift, remove_read_only,
};
use serde_json::Value;

/// Returns the manifest of an app, named by client id, display name or App ID URI, as JSON.
///
/// Members that only the server writes are left out, unless `whole` keeps them as a tenant's export does.
///
/// # Errors
/// The directory has no such app, or several.
pub fn manifest(
    registrations: &Registrations,
    app: &str,
    format: ManifestFormat,
    whole: bool,
) -> Result<String, KeyProblem> {
    let mut manifest = registrations.manifest_named(app)?.document.clone();
    if let (false, Value::Object(members)) = (whole, &mut manifest) {
        remove_read_only(members);
    }
    Ok(format!("{:#}\n", format.spell(manifest)))
}

/// Returns the script that creates the apps of a tenant in a real one; without a name, those of the first tenant.
///
/// # Errors
/// The directory has no such tenant.
pub fn az_script(registrations: &Registrations, tenant: Option<&str>) -> Result<String, SettingsError> {
    let tenant = registrations.tenant(tenant);
    let tenant = tenant.ok_or_else(|| KeyProblem::new("TENANT", "no tenant of the directory"))?;
    Ok(entra_tools::az_script(&with_manifests(tenant, registrations)?))
}

/// Compares an exported manifest or service principal with the directory's `app`, or the app with its client id.
///
/// # Errors
/// The export is neither, or the directory has no such app. Errors call the export `file`.
pub fn drift(
    registrations: &Registrations,
    file: &str,
    export: &str,
    app: Option<&str>,
) -> Result<Vec<Difference>, SettingsError> {
    let document: Option<Value> = serde_json::from_str(export).ok();
    let principal = document.as_ref().map_or(Ok(None), ExportedPrincipal::from_document);
    if let Some(principal) = principal.map_err(|error| unusable(file, &error))? {
        return compare_principal(registrations, &principal, app);
    }
    let exported = read(file, graph_manifest(file, export)?)?;
    let expected = match app {
        Some(app) => registrations.manifest_named(app)?,
        None => registrations.manifest(exported.app_id()).ok_or_else(|| {
            let problem = "the export's app is not in the directory; name the APP to compare it with";
            KeyProblem::new("appId", problem)
        })?,
    };
    Ok(manifest_drift(&read(expected.file, expected.document.clone())?, expected.file, &exported))
}

fn compare_principal(
    registrations: &Registrations,
    exported: &ExportedPrincipal,
    app: Option<&str>,
) -> Result<Vec<Difference>, SettingsError> {
    let client_id = match app {
        Some(app) => {
            let own = registrations.manifest_named(app)?;
            read(own.file, own.document.clone())?.app_id()
        }
        None => exported.app_id(),
    };
    for tenant in registrations.tenants() {
        let tenant = with_manifests(tenant, registrations)?;
        if let Some(differences) = principal_drift(&tenant, client_id, exported) {
            return Ok(differences);
        }
    }
    let problem =
        "the export's app is no service principal of the directory; name the APP to compare it with";
    Err(KeyProblem::new("appId", problem).into())
}

fn with_manifests(tenant: RegisteredTenant, registrations: &Registrations) -> Result<Tenant, SettingsError> {
    let principal = |principal: RegisteredPrincipal| -> Result<ServicePrincipal, SettingsError> {
        let manifest = registrations.manifest(principal.client_id);
        Ok(ServicePrincipal {
            client_id: principal.client_id,
            display_name: principal.display_name,
            manifest: manifest.map(|own| read(own.file, own.document.clone())).transpose()?,
            enabled: principal.enabled,
            assignment_required: principal.assignment_required,
            grants: principal.grants.into_iter().map(|(resource, role)| Grant { resource, role }).collect(),
        })
    };
    Ok(Tenant {
        id: tenant.id,
        display_name: tenant.display_name,
        principals: tenant.principals.into_iter().map(principal).collect::<Result<_, _>>()?,
    })
}

fn read(file: &str, document: Value) -> Result<Manifest, SettingsError> {
    Manifest::from_document(document).map_err(|error| unusable(file, &error))
}

fn unusable(file: &str, error: &(dyn std::error::Error + 'static)) -> SettingsError {
    SettingsError::File { file: file.to_owned(), problem: one_line(error) }
}
