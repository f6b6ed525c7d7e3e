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


def verified(case, token, strength):
    claims = jwt.decode(
        token,
        KEYS.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        audience=CONFIG["resource_id"],
        issuer=f"{CONFIG['authority']}/{CONFIG['tenant']}/v2.0",
        options={"require": ["aud", "iss", "exp", "nbf", "iat"]},
    )
    assert claims["azp"] == CONFIG["client"], case
    assert claims["azpacr"] == strength, case
    assert claims["roles"] == ["Resource.Read", "Resource.Write"], case
    print(f"ok {case}", flush=True)
