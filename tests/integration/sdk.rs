//! Microsoft's own libraries, unmodified, acquire tokens from the stand-in, which other libraries verify.
//!
//! Each test installs exact versions into a folder of its own. Without Python or Node.js the tests report that and pass;
//! with `CI=true` they fail.

mod issuer;
mod node;
mod python;
mod stage;

use node::Node;
use stage::Stage;

/// The environments of a workload. Each needs its own process, since MSAL Node caches the first one and its tokens.
const PLACES: [&str; 2] = ["virtual machine", "App Service"];

#[tokio::test]
async fn msal_python_gets_tokens_in_every_way_and_pyjwt_and_joserfc_verify_them() {
    let cases = [
        "secret",
        "secret, tenant by domain",
        "certificate by SHA-1",
        "certificate by SHA-256",
        "certificate by SHA-1 with its chain",
        "assertion",
        "assertion from a callable",
        "wrong secret",
        "secret, authority by OIDC discovery",
        "secret, a v1.0 token",
    ];
    python_says("with_msal.py", &cases.map(str::to_owned)).await;
}

#[tokio::test]
async fn azure_identity_gets_tokens_in_every_way_and_pyjwt_and_joserfc_verify_them() {
    let credentials = [
        "ClientSecretCredential",
        "CertificateCredential",
        "CertificateCredential with its chain",
        "ClientAssertionCredential",
        "WorkloadIdentityCredential",
    ];
    let mut cases: Vec<String> = credentials.iter().map(|&case| case.to_owned()).collect();
    cases.push("wrong secret".to_owned());
    cases.extend(credentials.iter().map(|case| format!("asynchronous {case}")));
    python_says("with_azure_identity.py", &cases).await;
}

#[tokio::test]
async fn azure_identity_gets_tokens_for_managed_identities_on_a_virtual_machine_and_in_app_service() {
    let Some(environment) = python::ready().await else { return };
    let stage = Stage::set(tempfile::tempdir().unwrap()).await;
    for place in PLACES {
        let cases = [
            "system-assigned",
            "user-assigned",
            "system-assigned, asynchronous",
            "user-assigned, asynchronous",
            "unknown identity",
        ];
        let said = python::run(&environment, "with_managed_identity.py", &[place], stage.folder()).await;
        says(&said, &cases.map(|case| format!("{place}, {case}")));
        stage.expect_issued_to_identities(4);
    }
}

#[tokio::test]
async fn msal_node_gets_tokens_in_every_way_and_jose_verifies_them() {
    let cases = [
        "secret",
        "secret, tenant by domain",
        "certificate by SHA-1",
        "certificate by SHA-256",
        "certificate by SHA-256 with its chain",
        "assertion",
        "assertion from a callback",
        "wrong secret",
        "secret, a v1.0 token",
    ];
    node_says("with_msal.mjs", &cases.map(str::to_owned)).await;
}

#[tokio::test]
async fn azure_identity_for_node_gets_tokens_in_every_way_and_jose_verifies_them() {
    let cases = [
        "ClientSecretCredential",
        "ClientCertificateCredential",
        "ClientCertificateCredential with its chain",
        "ClientAssertionCredential",
        "WorkloadIdentityCredential",
        "wrong secret",
    ];
    node_says("with_azure_identity.mjs", &cases.map(str::to_owned)).await;
}

#[tokio::test]
async fn azure_identity_for_node_gets_tokens_for_managed_identities_on_a_virtual_machine_and_in_app_service()
{
    let Some(node) = Node::ready().await else { return };
    let stage = Stage::set(node.stage()).await;
    for place in PLACES {
        let cases = ["system-assigned", "user-assigned", "unknown identity"];
        let said = node.run("with_managed_identity.mjs", &[place], stage.folder()).await;
        says(&said, &cases.map(|case| format!("{place}, {case}")));
        stage.expect_issued_to_identities(2);
    }
}

async fn python_says(script: &str, cases: &[String]) {
    let Some(environment) = python::ready().await else { return };
    let stage = Stage::set(tempfile::tempdir().unwrap()).await;
    says(&python::run(&environment, script, &[], stage.folder()).await, cases);
}

async fn node_says(script: &str, cases: &[String]) {
    let Some(node) = Node::ready().await else { return };
    let stage = Stage::set(node.stage()).await;
    says(&node.run(script, &[], stage.folder()).await, cases);
}

/// Asserts that a script printed `ok` for each case, in order.
fn says(said: &str, cases: &[String]) {
    let expected: Vec<String> = cases.iter().map(|case| format!("ok {case}")).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}
