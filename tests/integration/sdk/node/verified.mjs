// Verifies a token as a resource on Node.js would, against keys that it finds by itself.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";

export const CONFIG = JSON.parse(readFileSync(process.argv[2], "utf8"));
export const SCOPE = `${CONFIG.resource}/.default`;

const AUTHORITY = `${CONFIG.authority}/${CONFIG.tenant}`;
const KEYS = createRemoteJWKSet(new URL(`${AUTHORITY}/discovery/v2.0/keys`));
const KEYS_V1 = createRemoteJWKSet(new URL(`${AUTHORITY}/discovery/keys`));
const REQUIRED = { algorithms: ["RS256"], requiredClaims: ["aud", "iss", "exp", "nbf", "iat"] };

export const path = (name) => join(CONFIG.folder, name);

export const read = (name) => readFileSync(path(name), "utf8");

const BOTH_ROLES = ["Resource.Read", "Resource.Write"];

export async function verified(name, token, strength, { client = CONFIG.client, roles = BOTH_ROLES } = {}) {
  const expected = { ...REQUIRED, audience: CONFIG.resource_id, issuer: `${AUTHORITY}/v2.0` };
  const { payload } = await jwtVerify(token, KEYS, expected);
  assert.deepEqual([payload.azp, payload.azpacr, payload.roles], [client, strength, roles], name);
  console.log(`ok ${name}`);
}

/** The same of a token of the older version, with the keys that the older discovery document names. */
export async function verifiedV1(name, token, strength) {
  const { x5t, kid } = decodeProtectedHeader(token);
  assert.equal(x5t, kid, name);
  const expected = { ...REQUIRED, audience: CONFIG.v1_resource, issuer: `${AUTHORITY}/` };
  const { payload } = await jwtVerify(token, KEYS_V1, expected);
  const { ver, appid, appidacr, azp, roles } = payload;
  assert.deepEqual([ver, appid, appidacr, azp], ["1.0", CONFIG.client, strength, undefined], name);
  assert.deepEqual(roles, ["Other.Read"], name);
  console.log(`ok ${name}`);
}
