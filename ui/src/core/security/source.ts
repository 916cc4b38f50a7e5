/** Where an account comes from, in words. */
import { s } from "../securityText.ts";

export function sourceName(source: string): string {
  if (source.startsWith("oidc:")) return s.users.sso(source.slice(5));
  return s.users.sources[source] ?? source;
}
