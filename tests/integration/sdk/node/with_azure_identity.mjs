// Acquires tokens with @azure/identity.

import assert from "node:assert/strict";

import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";

import { CONFIG, path, read, SCOPE, verified } from "./verified.mjs";

const [TENANT, CLIENT] = [CONFIG.tenant, CONFIG.client];
const AUTHORITY = { authorityHost: CONFIG.authority, disableInstanceDiscovery: true };
const PEM = { certificatePath: path("key-and-certificate.pem") };
const ASSERTION = read("federated-token");

const CREDENTIALS = [
  ["ClientSecretCredential", new ClientSecretCredential(TENANT, CLIENT, CONFIG.secret, AUTHORITY), "1"],
  ["ClientCertificateCredential", new ClientCertificateCredential(TENANT, CLIENT, PEM, AUTHORITY), "2"],
  [
    "ClientCertificateCredential with its chain",
    new ClientCertificateCredential(TENANT, CLIENT, PEM, { ...AUTHORITY, sendCertificateChain: true }),
    "2",
  ],
  ["ClientAssertionCredential", new ClientAssertionCredential(TENANT, CLIENT, async () => ASSERTION, AUTHORITY), "2"],
  [
    "WorkloadIdentityCredential",
    new WorkloadIdentityCredential({
      ...AUTHORITY,
      tenantId: TENANT,
      clientId: CLIENT,
      tokenFilePath: path("federated-token"),
    }),
    "2",
  ],
];

for (const [name, credential, strength] of CREDENTIALS) {
  await verified(name, (await credential.getToken(SCOPE)).token, strength);
}

await assert.rejects(
  new ClientSecretCredential(TENANT, CLIENT, "wrong", AUTHORITY).getToken(SCOPE),
  (error) => error.message.includes("AADSTS7000215"),
);
console.log("ok wrong secret");
