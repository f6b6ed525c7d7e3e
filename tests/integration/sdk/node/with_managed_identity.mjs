// Acquires tokens for managed identities with @azure/identity, as in the place that is named: a virtual machine, or App
// Service.

import assert from "node:assert/strict";

import { ManagedIdentityCredential } from "@azure/identity";

import { CONFIG, SCOPE, verified } from "./verified.mjs";

const PLACES = {
  "virtual machine": { AZURE_POD_IDENTITY_AUTHORITY_HOST: CONFIG.machine.replace(/\/$/, "") },
  "App Service": { IDENTITY_ENDPOINT: `${CONFIG.machine}msi/token`, IDENTITY_HEADER: CONFIG.identity_header },
};

const UNKNOWN = {
  "virtual machine": /identity not found/i,
  "App Service": /no user assigned or delegated managed identity found/i,
};

const place = process.argv[3];
Object.assign(process.env, PLACES[place]);

const token = async (options) => (await new ManagedIdentityCredential(options).getToken(SCOPE)).token;

const system = { client: CONFIG.vm, roles: ["Resource.Read"] };
await verified(`${place}, system-assigned`, await token({}), "2", system);
const clientId = CONFIG.user_assigned;
await verified(`${place}, user-assigned`, await token({ clientId }), "2", { client: clientId });

await assert.rejects(token({ clientId: CONFIG.client }), (error) => UNKNOWN[place].test(error.message));
console.log(`ok ${place}, unknown identity`);
