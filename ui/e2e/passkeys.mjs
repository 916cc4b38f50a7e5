/**
 * Passkeys in a real browser with a virtual authenticator, against the API: `NEXUS_URL=http://localhost:… NEXUS_PASSWORD=… node
 * e2e/passkeys.mjs`. Prints what happened as one JSON document; tests/e2e/test_passkeys_in_a_browser.py judges it.
 */
import { BASE, launch, PASSWORD } from "./browser.mjs";

const browser = await launch();
// The page is one that every server has; its policy forbids scripts to ask for anything.
const context = await browser.newContext({ bypassCSP: true });
const page = await context.newPage();
const cdp = await context.newCDPSession(page);
await cdp.send("WebAuthn.enable");
const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
  options: {
    protocol: "ctap2",
    ctap2Version: "ctap2_1",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  },
});

/** Runs in the page: one request with the cookie of this site. */
const ask = (method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const answer = await fetch(`/api/nexus/v1/${path}`, {
        method,
        headers: { "Content-Type": "application/json", "X-Nexus-Request": "1" },
        body: method === "GET" ? undefined : JSON.stringify(body ?? {}),
      });
      return { status: answer.status, ...(await answer.json()) };
    },
    [method, path, body],
  );
const create = (options) =>
  page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }, options);
const get = (options) =>
  page.evaluate(async (options) => {
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
      return (await navigator.credentials.get({ publicKey })).toJSON();
    } catch (error) {
      return { refused: error.name };
    }
  }, options);

const found = {};
await page.goto(`${BASE}/-/healthy`);
found.options = await ask("GET", "auth/options");
found.login = await ask("POST", "auth/login", { username: "admin", password: PASSWORD });
const adding = await ask("POST", "profile/passkeys/begin");
const made = await create(adding.options);
found.added = await ask("POST", "profile/passkeys/finish", {
  token: adding.token,
  credential: made,
  name: "Virtual",
});
found.stored = (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials.map((one) => ({
  rpId: one.rpId,
  resident: one.isResidentCredential,
}));
await ask("POST", "auth/logout");
found.out = await ask("GET", "auth/session");

const alone = await ask("POST", "auth/passkey/begin");
const answer = await get(alone.options);
found.alone = await ask("POST", "auth/passkey/finish", { token: alone.token, credential: answer });
found.cookie = (await context.cookies()).find((one) => one.name === "nexus_session");
found.profile = await ask("GET", "profile");
found.replayed = await ask("POST", "auth/passkey/finish", { token: alone.token, credential: answer });
const other = await ask("POST", "auth/passkey/begin");
found.otherChallenge = await ask("POST", "auth/passkey/finish", { token: other.token, credential: answer });
await ask("POST", "auth/logout");

found.password = await ask("POST", "auth/login", { username: "admin", password: PASSWORD });
const second = await ask("POST", "auth/passkey/begin", { token: found.password.challenge.token });
found.second = await ask("POST", "auth/passkey/finish", {
  token: second.token,
  credential: await get(second.options),
});
await ask("POST", "auth/logout");

await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
const unverified = await ask("POST", "auth/passkey/begin");
found.unverified = await get(unverified.options);

await page.goto(`${BASE.replace("localhost", "127.0.0.1")}/-/healthy`);
found.byAddress = { options: await ask("GET", "auth/options"), begin: await ask("POST", "auth/passkey/begin") };

await browser.close();
console.log(JSON.stringify(found));
