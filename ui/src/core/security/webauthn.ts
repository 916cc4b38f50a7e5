/** Passkeys: the browser's API in its JSON form, and its failures as kinds. */

export type PasskeyFailure = "cancelled" | "registered" | "insecure" | "failed";

export class PasskeyError extends Error {
  constructor(readonly kind: PasskeyFailure) {
    super(kind);
    this.name = "PasskeyError";
  }
}

/** Passkeys need a secure context and a browser with the JSON form (2024 and later). */
export function passkeysWork(): boolean {
  return (
    window.isSecureContext &&
    typeof PublicKeyCredential === "function" &&
    typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function"
  );
}

/** `NotAllowedError` is cancelled, timed out, or no such key: browsers do not tell which. */
export function failureOf(error: unknown): PasskeyFailure {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return "cancelled";
  if (name === "InvalidStateError") return "registered";
  return name === "SecurityError" ? "insecure" : "failed";
}

async function asked(ask: () => Promise<Credential | null>): Promise<Record<string, unknown>> {
  let credential: Credential | null;
  try {
    credential = await ask();
  } catch (error) {
    throw new PasskeyError(failureOf(error));
  }
  if (!(credential instanceof PublicKeyCredential)) throw new PasskeyError("cancelled");
  return { ...credential.toJSON() };
}

/** Signs a challenge with a passkey. `options` as the server made them. Throws `PasskeyError`. */
export function signWithPasskey(options: Record<string, unknown>): Promise<Record<string, unknown>> {
  return asked(() =>
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(
        options as unknown as PublicKeyCredentialRequestOptionsJSON,
      ),
    }),
  );
}

/** Makes a passkey. Throws `PasskeyError`. */
export function makePasskey(options: Record<string, unknown>): Promise<Record<string, unknown>> {
  return asked(() =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(
        options as unknown as PublicKeyCredentialCreationOptionsJSON,
      ),
    }),
  );
}
