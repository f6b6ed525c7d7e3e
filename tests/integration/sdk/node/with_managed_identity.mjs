// Acquires tokens for managed identities with @azure/identity, as on a virtual machine and in App Service.

import assert from "node:assert/strict";

import { ManagedIdentityCredential } from "@azure/identity";

import { CONFIG, SCOPE, verified } from "./verified.mjs";

const token = async (options) => (await new ManagedIdentityCredential(options).getToken(SCOPE)).token;

async function check(place) {
  const system = { client: CONFIG.vm, roles: ["Resource.Read"] };
  await verified(`${place}, system-assigned`, await token({}), "2", system);
  const clientId = CONFIG.user_assigned;
  await verified(`${place}, user-assigned`, await token({ clientId }), "2", { client: clientId });
}

process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = CONFIG.machine.replace(/\/$/, "");
await check("virtual machine");
await assert.rejects(token({ clientId: CONFIG.client }), (error) => /identity not found/i.test(error.message));
console.log("ok unknown identity");

process.env.IDENTITY_ENDPOINT = `${CONFIG.machine}msi/token`;
process.env.IDENTITY_HEADER = CONFIG.identity_header;
await check("App Service");
