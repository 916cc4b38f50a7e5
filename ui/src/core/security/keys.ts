/** What an API key may do, in words, and whether it still works. */
import type { ApiKey } from "../api/security.ts";
import { s } from "../securityText.ts";

const text = s.keys;

/** Writes and nothing else. */
export function onlySends(key: Pick<ApiKey, "permissions" | "role" | "account">): boolean {
  return !key.role && !key.account && key.permissions.length === 1 && key.permissions[0] === "logs:write";
}

export function mayWords(key: ApiKey): string {
  const what = key.account
    ? text.byAccount(key.account_name || key.account)
    : key.role
      ? text.byRole(key.role)
      : onlySends(key)
        ? text.onlySend
        : key.permissions.join(", ");
  const signals = (key.signals ?? []).map((name) => (text.signal[name] ?? name).toLowerCase());
  return signals.length > 0 ? `${what}, ${text.only(signals.join(", "))}` : what;
}

export interface KeyState {
  expired: boolean;
  /** The secret before the rotation works still. */
  overlapping: boolean;
}

export function keyState(key: Pick<ApiKey, "expires_at" | "previous_until">, nowMs: number): KeyState {
  const after = (time: string): boolean => Date.parse(time) > nowMs;
  return { expired: key.expires_at !== "" && !after(key.expires_at), overlapping: after(key.previous_until) };
}
