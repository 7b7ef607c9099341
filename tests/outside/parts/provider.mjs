// A certified provider of tokens: users sign in with PKCE, machines with their secrets; access tokens are JWTs.
// node provider.mjs PORT; signing in goes without a page: `login_hint` is the user.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const port = Number(process.argv[2]);
const scopes = "changes:write limits:read extensions:expire";

async function key(kid) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: "sig", alg: "RS256" };
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "service-manager",
      client_secret: "a secret of the tests alone",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
    {
      client_id: "cabinet",
      application_type: "native",
      token_endpoint_auth_method: "none",
      redirect_uris: [`http://127.0.0.1/signed-in`],
    },
  ],
  cookies: { keys: ["of the tests"] },
  jwks: { keys: [await key("current"), await key("next")] },
  scopes: ["openid", ...scopes.split(" ")],
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: scopes, // Any client may have any scope: it is the audience that keeps users from machines' routes.
        audience: resource.split(":").pop(),
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256", kid: resource.endsWith("machines") ? "next" : "current" } },
      }),
    },
  },
});

const answer = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith("/sign-in/")) return answer(request, response);
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: params.login_hint, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  grant.addResourceScope(params.resource, params.scope);
  const result = { login: { accountId: params.login_hint }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}).listen(port, "127.0.0.1", () => console.log("ready"));
