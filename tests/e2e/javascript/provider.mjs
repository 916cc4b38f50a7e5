/** A real OpenID Connect provider (oidc-provider). It says its port on the first line; every line that comes in on stdin is a
 * configuration ({client, users, claimsInToken}) and is answered with a line once it is in force. */
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const LOGIN = (uid) => `<!doctype html><title>Provider</title><form method="post" action="/interaction/${uid}">
<input name="login" autofocus><button>Sign in</button></form>`;

// Standard output is the conversation; what the library has to say goes elsewhere.
console.info = console.warn = console.error;

let users = {};
let handle = (_request, response) => response.writeHead(503).end();
const keys = await jwks();
const secret = crypto.randomUUID();
const server = createServer((request, response) => handle(request, response));
server.listen(0, "localhost", () => console.log(JSON.stringify({ port: server.address().port })));

async function jwks() {
  const made = [];
  for (const [name, options] of [
    ["RS256", { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }],
    ["ES256", { name: "ECDSA", namedCurve: "P-256" }],
  ]) {
    const pair = await crypto.subtle.generateKey(options, true, ["sign", "verify"]);
    const { key_ops, ext, ...key } = await crypto.subtle.exportKey("jwk", pair.privateKey);
    made.push({ ...key, alg: name, use: "sig", kid: `key-${name}` });
  }
  return { keys: made };
}

function configured({ client, claimsInToken = false }) {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: client ? [client] : [],
    jwks: keys,
    cookies: { keys: [secret] },
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    scopes: ["openid", "profile", "email", "groups"],
    conformIdTokenClaims: !claimsInToken,
    // Without the dispatcher that keeps it from asking this machine.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    async findAccount(_context, id) {
      const user = Object.values(users).find((one) => one.sub === id);
      return user && { accountId: id, claims: async () => user };
    },
    async loadExistingGrant(context) {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile email groups");
      await grant.save();
      return grant;
    },
  });
  const standard = provider.callback();
  return async (request, response) => {
    const uid = /^\/interaction\/([\w-]+)$/.exec(request.url)?.[1];
    if (!uid) return standard(request, response);
    if (request.method === "GET") return response.writeHead(200, { "content-type": "text/html" }).end(LOGIN(uid));
    let body = "";
    for await (const part of request) body += part;
    const user = users[new URLSearchParams(body).get("login")];
    const result = user
      ? { login: { accountId: user.sub } }
      : { error: "access_denied", error_description: "nobody of that name" };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const wanted = JSON.parse(line);
  users = wanted.users ?? users;
  if (wanted.client) handle = configured(wanted);
  console.log(JSON.stringify({ done: true }));
}
process.exit(0);
