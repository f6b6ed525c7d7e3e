// As the README of express-oauth2-jwt-bearer says: "Library Initialization", and `claimIncludes` for roles.
import express from 'express';
import { auth, claimIncludes } from 'express-oauth2-jwt-bearer';

const app = express();
app.use(auth({ issuerBaseURL: process.env.ISSUER, audience: process.env.AUDIENCE }));
app.get('/orders', claimIncludes('roles', 'Orders.Read'), (_request, response) => response.json([]));
app.post('/orders', claimIncludes('roles', 'Orders.Write'), (_request, response) => response.json([]));
app.use((error, _request, response, _next) => {
  response.set(error.headers ?? {}).status(error.status ?? 500).json({ message: error.message });
});
app.listen(Number(process.env.PORT), '127.0.0.1');
