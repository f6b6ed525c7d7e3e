"""Verifies a token as a resource in Python would, against keys that it finds by itself."""

import json
import os
import sys

import jwt

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIG = json.load(file)

KEYS = jwt.PyJWKClient(f"{CONFIG['authority']}/{CONFIG['tenant']}/discovery/v2.0/keys")
SCOPE = f"{CONFIG['resource']}/.default"


def read(name):
    with open(os.path.join(CONFIG["folder"], name), encoding="utf-8") as file:
        return file.read()


def verified(case, token, strength, client=CONFIG["client"], roles=("Resource.Read", "Resource.Write")):
    claims = jwt.decode(
        token,
        KEYS.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        audience=CONFIG["resource_id"],
        issuer=f"{CONFIG['authority']}/{CONFIG['tenant']}/v2.0",
        options={"require": ["aud", "iss", "exp", "nbf", "iat"]},
    )
    assert claims["azp"] == client, case
    assert claims["azpacr"] == strength, case
    assert claims["roles"] == list(roles), case
    print(f"ok {case}", flush=True)


def verified_v1(case, token, strength):
    """The same of a token of the older version, with the keys that the older discovery document names."""
    keys = jwt.PyJWKClient(f"{CONFIG['authority']}/{CONFIG['tenant']}/discovery/keys")
    header = jwt.get_unverified_header(token)
    assert header["x5t"] == header["kid"], case
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        audience=CONFIG["v1_resource"],
        issuer=f"{CONFIG['authority']}/{CONFIG['tenant']}/",
        options={"require": ["aud", "iss", "exp", "nbf", "iat"]},
    )
    assert (claims["ver"], claims["appid"], claims["appidacr"]) == ("1.0", CONFIG["client"], strength), case
    assert "azp" not in claims and claims["roles"] == ["Other.Read"], case
    print(f"ok {case}", flush=True)
