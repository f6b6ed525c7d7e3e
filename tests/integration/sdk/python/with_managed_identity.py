"""Acquires tokens for managed identities with azure-identity, as in the place that is named: a virtual machine, or App
Service."""

import asyncio
import os
import sys

import azure.identity
import azure.identity.aio
from azure.identity import CredentialUnavailableError

from verified import CONFIG, SCOPE, verified

VM, OTHER = CONFIG["vm"], CONFIG["user_assigned"]
BOTH = ("Resource.Read", "Resource.Write")


def cases(place):
    yield f"{place}, system-assigned", {}, VM, ("Resource.Read",)
    yield f"{place}, user-assigned", {"client_id": OTHER}, OTHER, BOTH


def check(place):
    for case, arguments, client, roles in cases(place):
        token = azure.identity.ManagedIdentityCredential(**arguments).get_token(SCOPE).token
        verified(case, token, "2", client, roles)


async def check_asynchronously(place):
    for case, arguments, client, roles in cases(place):
        async with azure.identity.aio.ManagedIdentityCredential(**arguments) as credential:
            verified(f"{case}, asynchronous", (await credential.get_token(SCOPE)).token, "2", client, roles)


PLACES = {
    "virtual machine": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": CONFIG["machine"].rstrip("/")},
    "App Service": {
        "IDENTITY_ENDPOINT": f"{CONFIG['machine']}msi/token",
        "IDENTITY_HEADER": CONFIG["identity_header"],
    },
}

UNKNOWN = {
    "virtual machine": "Identity not found",
    "App Service": "No User Assigned or Delegated Managed Identity found",
}

place = sys.argv[2]
os.environ.update(PLACES[place])
check(place)
asyncio.run(check_asynchronously(place))

try:
    azure.identity.ManagedIdentityCredential(client_id=CONFIG["client"]).get_token(SCOPE)
    raise AssertionError("an identity that is not there got a token")
except CredentialUnavailableError as error:
    assert UNKNOWN[place] in error.message, error.message
    print(f"ok {place}, unknown identity")
