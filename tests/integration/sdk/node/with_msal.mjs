// Acquires tokens with MSAL Node in every way in which a service can prove itself.

import assert from "node:assert/strict";

import { ConfidentialClientApplication } from "@azure/msal-node";

import { CONFIG, read, SCOPE, verified, verifiedV1 } from "./verified.mjs";

const HOST = new URL(CONFIG.authority).host;

function application(credential, tenant = CONFIG.tenant) {
  const authority = `${CONFIG.authority}/${tenant}`;
  return new ConfidentialClientApplication({
    auth: { clientId: CONFIG.client, authority, knownAuthorities: [HOST], ...credential },
  });
}

async function acquire(name, credential, strength, tenant) {
  const app = application(credential, tenant);
  const answer = await app.acquireTokenByClientCredential({ scopes: [SCOPE] });
  assert.equal(answer.fromCache, false, name);
  const again = await app.acquireTokenByClientCredential({ scopes: [SCOPE] });
  assert.deepEqual([again.fromCache, again.accessToken], [true, answer.accessToken], name);
  await verified(name, answer.accessToken, strength);
}

const SECRET = { clientSecret: CONFIG.secret };
const KEY = read("private-key.pem");
const ASSERTION = read("federated-token");

await acquire("secret", SECRET, "1");
await acquire("secret, tenant by domain", SECRET, "1", "contoso.com");
await acquire("certificate by SHA-1", { clientCertificate: { thumbprint: CONFIG.sha1, privateKey: KEY } }, "2");
await acquire(
  "certificate by SHA-256",
  { clientCertificate: { thumbprintSha256: CONFIG.sha256, privateKey: KEY } },
  "2",
);
await acquire(
  "certificate by SHA-256 with its chain",
  { clientCertificate: { thumbprintSha256: CONFIG.sha256, privateKey: KEY, x5c: read("certificate.pem") } },
  "2",
);
await acquire("assertion", { clientAssertion: ASSERTION }, "2");
await acquire("assertion from a callback", { clientAssertion: async () => ASSERTION }, "2");

await assert.rejects(
  application({ clientSecret: "wrong" }).acquireTokenByClientCredential({ scopes: [SCOPE] }),
  (error) => error.errorCode === "invalid_client" && error.message.includes("AADSTS7000215"),
);
console.log("ok wrong secret");

const V1_SCOPE = `${CONFIG.v1_resource}/.default`;
const v1 = await application(SECRET).acquireTokenByClientCredential({ scopes: [V1_SCOPE] });
await verifiedV1("secret, a v1.0 token", v1.accessToken, "1");
