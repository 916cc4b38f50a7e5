/** Whose limits these are, in words. */
import { s } from "../../core/securityText.ts";

export function subjectName({ scope, subject, label }: { scope: string; subject: string; label: string }): string {
  if (subject === "*") return s.limits.everyone[scope] ?? subject;
  return label || subject;
}
