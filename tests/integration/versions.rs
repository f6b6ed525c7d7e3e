//! The versions 1.0 and 2.0 of endpoints and tokens: the client chooses one, the resource's registration the other.

use std::path::Path;

use demo::system::{DEMO_CLIENT_SECRET, Options};
use entra_shared::azure_ad::{Authority, Version};
use entra_shared::ids::{AppIdUri, ClientId, TenantId};
use entra_shared::secret::{AccessToken, ClientSecret};
use entra_shared::settings::Environment;
use entra_stand_in::Directory;
use entra_token::{TokenRequest, TokenRetriever};
use reqwest::StatusCode;
use serde_json::Value;
use tests::World;
use tests::world::{CLIENT, RESOURCE, TENANT};

async fn acquire(world: &World, endpoint: Version) -> AccessToken {
    let authority =
        Authority::new(world.system.authority().instance(), TenantId::parse(TENANT).unwrap(), None);
    let request = TokenRequest {
        authority,
        client_id: ClientId::parse(CLIENT).unwrap(),
        credentials: ClientSecret::parse(DEMO_CLIENT_SECRET).unwrap().into(),
        resource: AppIdUri::parse(format!("api://{RESOURCE}")).unwrap(),
        version: endpoint,
    };
    let retriever = TokenRetriever::new(request, world.http.clone());
    retriever.token().await.unwrap().access_token().clone()
}

/// The seeded directory with another token version in the resource's registration.
fn directory_with_token_version(folder: &Path, version: &Value) -> Directory {
    let seeded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/entra-stand-in/directory");
    std::fs::create_dir(folder.join("applications")).unwrap();
    std::fs::copy(seeded.join("directory.toml"), folder.join("directory.toml")).unwrap();
    for entry in std::fs::read_dir(seeded.join("applications")).unwrap() {
        let entry = entry.unwrap();
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap();
        if manifest["appId"] == RESOURCE {
            manifest["api"]["requestedAccessTokenVersion"] = version.clone();
        }
        let path = folder.join("applications").join(entry.file_name());
        std::fs::write(path, manifest.to_string()).unwrap();
    }
    Directory::load(folder, &Environment::default()).unwrap()
}

#[tokio::test]
async fn the_resources_registration_decides_the_version_of_its_tokens() {
    for (registered, expected) in [(Value::Null, "1.0"), (1.into(), "1.0"), (2.into(), "2.0")] {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory_with_token_version(folder.path(), &registered);
        let world = World::start_with(Options { directory: Some(directory), ..Options::default() }).await;
        for endpoint in [Version::V1, Version::V2] {
            let token = acquire(&world, endpoint).await;
            let caller = world.get("/api/caller", &token).await;
            assert_eq!(caller.status(), StatusCode::OK);
            let caller: Value = caller.json().await.unwrap();
            assert_eq!(caller["token_version"], expected, "from the {endpoint} endpoint");
            assert_eq!(world.get("/api/resources", &token).await.status(), StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn a_resource_that_takes_only_v2_refuses_v1() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        directory: Some(directory_with_token_version(folder.path(), &1.into())),
        resource_variables: vec![("AZURE_AD__ACCEPTED_TOKEN_VERSIONS".into(), "2.0".into())],
        ..Options::default()
    };
    let world = World::start_with(options).await;
    let token = acquire(&world, Version::V2).await;
    assert_eq!(world.get("/api/resources", &token).await.status(), StatusCode::UNAUTHORIZED);
}
