//! The catalogues for an API whose tokens are v1.0 ones.

use entra_shared::azure_ad::Version;

use crate::tenants::fresh;
use crate::world::{World, part};

#[tokio::test]
async fn the_tokens_for_a_v1_api_are_made_like_its_regular_ones() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let api = api.token_version(Version::V1).unwrap();
    let regular = client.token(&api).await.unwrap();
    let names =
        |index| part(regular.expose(), index).names().iter().map(ToString::to_string).collect::<Vec<_>>();
    let (header, id) = (names(0), client.client_id().to_string());
    for good in tenant.good_tokens(&client, &api).unwrap() {
        let (found, claims) = (part(good.token(), 0), part(good.token(), 1));
        assert_eq!(found.text("x5t"), found.text("kid"), "{good:?}");
        // Two have values under the names of the other version, on purpose.
        let of_v2 = ["azp", "azpacr"].iter().any(|name| claims.names().contains(name));
        let expected = ["claims/other-version", "claims/both-versions"].contains(&good.name());
        assert_eq!(of_v2, expected, "{good:?}");
        assert_eq!(claims.text("appid"), id, "{good:?}");
        if good.name() == "header/regular" {
            assert!(header.iter().all(|name| found.names().contains(&name.as_str())), "{good:?}");
        }
        if good.name() == "claims/certificate" {
            assert_eq!(claims.text("appidacr"), "2");
        }
    }
    let bad = tenant.bad_tokens(&client, &api).unwrap();
    let slash = bad.iter().find(|bad| bad.name().ends_with("v1-issuer-without-slash")).unwrap();
    assert_eq!(part(slash.token(), 1).text("appid"), id);
}
