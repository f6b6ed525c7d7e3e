// As the README of @fastify/jwt says: "Verifying with JWKS", with the issuer and the audience of "allowedIss" and "allowedAud".
import Fastify from 'fastify';
import fjwt from '@fastify/jwt';
import buildGetJwks from 'get-jwks';

const { ISSUER, AUDIENCE, PORT } = process.env;
const fastify = Fastify();
const getJwks = buildGetJwks({ issuersWhitelist: [ISSUER], providerDiscovery: true });

fastify.register(fjwt, {
  decode: { complete: true },
  secret: (request, token) => {
    const { header: { kid, alg }, payload: { iss } } = token;
    return getJwks.getPublicKey({ kid, domain: iss, alg });
  },
  verify: { algorithms: ['RS256'], allowedIss: ISSUER, allowedAud: AUDIENCE },
});

fastify.addHook('onRequest', async (request, reply) => {
  try {
    await request.jwtVerify();
  } catch (error) {
    reply.send(error);
  }
});

const requireRole = (role) => async (request, reply) => {
  if (!request.user.roles?.includes(role)) {
    return reply.code(403).send({ message: 'the role is missing' });
  }
};

fastify.get('/orders', { preHandler: requireRole('Orders.Read') }, async () => []);
fastify.post('/orders', { preHandler: requireRole('Orders.Write') }, async () => []);
await fastify.listen({ host: '127.0.0.1', port: Number(PORT) });
