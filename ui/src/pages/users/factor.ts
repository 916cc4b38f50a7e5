/** Which second factors a user has, in words. */
import type { UserInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";

export function secondFactorText(user: Pick<UserInfo, "second_factor" | "passkeys">): string {
  const found = [];
  if (user.second_factor) found.push(s.users.app);
  if (user.passkeys > 0) found.push(s.users.passkeys(user.passkeys));
  return found.join(", ") || s.users.noFactor;
}
