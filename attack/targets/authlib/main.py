"""As https://docs.authlib.org/en/latest/flask/2/resource-server.html says, with a JWT verified by joserfc, its JOSE library."""

import functools
import os

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2.rfc6750 import BearerTokenValidator, InvalidTokenError
from flask import Flask, jsonify
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

CLAIMS = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": os.environ["ISSUER"]},
    aud={"essential": True, "value": os.environ["AUDIENCE"]},
    exp={"essential": True},
)


@functools.cache
def keys() -> KeySet:
    return KeySet.import_key_set(requests.get(os.environ["JWKS_URI"], timeout=5).json())


class AccessToken:
    def __init__(self, claims):
        self.claims = claims

    def is_expired(self):
        return False

    def is_revoked(self):
        return False

    def get_scope(self):
        return " ".join(self.claims.get("roles") or [])


class Validator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        try:
            token = jwt.decode(token_string, keys(), algorithms=["RS256"])
            CLAIMS.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise InvalidTokenError() from error
        return AccessToken(token.claims)


require_oauth = ResourceProtector()
require_oauth.register_token_validator(Validator())
app = Flask(__name__)


@app.get("/orders")
@require_oauth("Orders.Read")
def list_orders():
    return jsonify([])


@app.post("/orders")
@require_oauth("Orders.Write")
def create_order():
    return jsonify([])
