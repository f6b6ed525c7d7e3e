"""Acquires tokens with azure-identity, synchronously and asynchronously."""

import asyncio
import os

import azure.identity
import azure.identity.aio
from azure.core.exceptions import ClientAuthenticationError

from verified import CONFIG, SCOPE, read, verified

NAMES = (CONFIG["tenant"], CONFIG["client"])
AUTHORITY = {"authority": CONFIG["authority"], "disable_instance_discovery": True}
PEM = os.path.join(CONFIG["folder"], "key-and-certificate.pem")
TOKEN_FILE = os.path.join(CONFIG["folder"], "federated-token")
ASSERTION = read("federated-token")


def credentials(library, assertion):
    yield "ClientSecretCredential", library.ClientSecretCredential(*NAMES, CONFIG["secret"], **AUTHORITY), "1"
    yield "CertificateCredential", library.CertificateCredential(*NAMES, PEM, **AUTHORITY), "2"
    yield (
        "CertificateCredential with its chain",
        library.CertificateCredential(*NAMES, PEM, send_certificate_chain=True, **AUTHORITY),
        "2",
    )
    yield "ClientAssertionCredential", library.ClientAssertionCredential(*NAMES, assertion, **AUTHORITY), "2"
    yield (
        "WorkloadIdentityCredential",
        library.WorkloadIdentityCredential(
            tenant_id=NAMES[0], client_id=NAMES[1], token_file_path=TOKEN_FILE, **AUTHORITY
        ),
        "2",
    )


for case, credential, strength in credentials(azure.identity, lambda: ASSERTION):
    verified(case, credential.get_token(SCOPE).token, strength)

try:
    azure.identity.ClientSecretCredential(*NAMES, "wrong", **AUTHORITY).get_token(SCOPE)
    raise AssertionError("a wrong secret got a token")
except ClientAuthenticationError as error:
    assert "AADSTS7000215" in error.message, error.message
    print("ok wrong secret")


async def asynchronously():
    for case, credential, strength in credentials(azure.identity.aio, lambda: ASSERTION):
        async with credential:
            verified(f"asynchronous {case}", (await credential.get_token(SCOPE)).token, strength)


asyncio.run(asynchronously())
