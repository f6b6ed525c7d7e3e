"""Acquires tokens with MSAL Python in every way in which a service can prove itself."""

import msal

from verified import CONFIG, SCOPE, read, verified, verified_v1

AUTHORITY = f"{CONFIG['authority']}/{CONFIG['tenant']}"


def acquire(case, credential, strength, authority=AUTHORITY):
    app = msal.ConfidentialClientApplication(
        CONFIG["client"],
        client_credential=credential,
        authority=authority,
        instance_discovery=False,
    )
    answer = app.acquire_token_for_client(scopes=[SCOPE])
    assert "access_token" in answer, (case, answer)
    assert answer["token_source"] == "identity_provider", case
    again = app.acquire_token_for_client(scopes=[SCOPE])
    assert again["token_source"] == "cache", case
    verified(case, answer["access_token"], strength)


KEY, CERTIFICATE, ASSERTION = read("private-key.pem"), read("certificate.pem"), read("federated-token")

acquire("secret", CONFIG["secret"], "1")
acquire("secret, tenant by domain", CONFIG["secret"], "1", f"{CONFIG['authority']}/contoso.com")
acquire("certificate by SHA-1", {"private_key": KEY, "thumbprint": CONFIG["sha1"]}, "2")
acquire("certificate by SHA-256", {"private_key": KEY, "public_certificate": CERTIFICATE}, "2")
acquire(
    "certificate by SHA-1 with its chain",
    {"private_key": KEY, "thumbprint": CONFIG["sha1"], "public_certificate": CERTIFICATE},
    "2",
)
acquire("assertion", {"client_assertion": ASSERTION}, "2")
acquire("assertion from a callable", {"client_assertion": lambda: ASSERTION}, "2")

app = msal.ConfidentialClientApplication(
    CONFIG["client"], client_credential="wrong", authority=AUTHORITY, instance_discovery=False
)
answer = app.acquire_token_for_client(scopes=[SCOPE])
assert answer["error"] == "invalid_client" and answer["error_codes"] == [7000215], answer
assert answer["correlation_id"] and "AADSTS7000215: Invalid client secret" in answer["error_description"]
print("ok wrong secret")

app = msal.ConfidentialClientApplication(
    CONFIG["client"],
    client_credential=CONFIG["secret"],
    oidc_authority=f"{AUTHORITY}/v2.0",
)
verified("secret, authority by OIDC discovery", app.acquire_token_for_client(scopes=[SCOPE])["access_token"], "1")

app = msal.ConfidentialClientApplication(
    CONFIG["client"], client_credential=CONFIG["secret"], authority=AUTHORITY, instance_discovery=False
)
answer = app.acquire_token_for_client(scopes=[f"{CONFIG['v1_resource']}/.default"])
verified_v1("secret, a v1.0 token", answer["access_token"], "1")
