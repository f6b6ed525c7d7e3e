"""Verifies a token as resources in Python would, against keys that they find by themselves."""

import json
import os
import sys
import urllib.request

import joserfc.jwt
import jwt
from joserfc.jwk import KeySet

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIG = json.load(file)

AUTHORITY = f"{CONFIG['authority']}/{CONFIG['tenant']}"
KEYS = f"{AUTHORITY}/discovery/v2.0/keys"
KEYS_V1 = f"{AUTHORITY}/discovery/keys"
SCOPE = f"{CONFIG['resource']}/.default"
REQUIRED = ["aud", "iss", "exp", "nbf", "iat"]


def read(name):
    with open(os.path.join(CONFIG["folder"], name), encoding="utf-8") as file:
        return file.read()


def by_pyjwt(token, keys, audience, issuer):
    key = jwt.PyJWKClient(keys).get_signing_key_from_jwt(token).key
    options = {"require": REQUIRED}
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer, options=options)


def by_joserfc(token, keys, audience, issuer):
    with urllib.request.urlopen(keys) as answer:
        key_set = KeySet.import_key_set(json.load(answer))
    claims = joserfc.jwt.decode(token, key_set, algorithms=["RS256"]).claims
    options = {name: {"essential": True} for name in REQUIRED}
    options["aud"]["value"], options["iss"]["value"] = audience, issuer
    joserfc.jwt.JWTClaimsRegistry(**options).validate(claims)
    return claims


def claims_of(token, keys, audience, issuer):
    claims = by_pyjwt(token, keys, audience, issuer)
    assert by_joserfc(token, keys, audience, issuer) == claims
    return claims


def verified(case, token, strength, client=CONFIG["client"], roles=("Resource.Read", "Resource.Write")):
    claims = claims_of(token, KEYS, CONFIG["resource_id"], f"{AUTHORITY}/v2.0")
    assert claims["azp"] == client, case
    assert claims["azpacr"] == strength, case
    assert claims["roles"] == list(roles), case
    print(f"ok {case}", flush=True)


def verified_v1(case, token, strength):
    """The same of a token of the older version, with the keys that the older discovery document names."""
    header = jwt.get_unverified_header(token)
    assert header["x5t"] == header["kid"], case
    claims = claims_of(token, KEYS_V1, CONFIG["v1_resource"], f"{AUTHORITY}/")
    assert (claims["ver"], claims["appid"], claims["appidacr"]) == ("1.0", CONFIG["client"], strength), case
    assert "azp" not in claims and claims["roles"] == ["Other.Read"], case
    print(f"ok {case}", flush=True)
