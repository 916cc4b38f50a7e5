/** Ready-made pipelines to begin with. */
import { type Draft, type DraftPipeline, newPipeline, newStep } from "./draft.ts";

export type Start = "json" | "redact" | "debug";

export const STARTS: readonly Start[] = ["json", "redact", "debug"];

export function begun(start: Start, draft: Draft, description: string): DraftPipeline {
  if (start === "json") {
    const steps = [
      newStep("parse_json", {}, "body:/^\\s*\\{/"),
      newStep("rename", { fields: { "attributes.msg": "body", "attributes.message": "body" } }),
      // Without the prefix these names would mean the record's own severity.
      newStep("parse_severity", { field: "attributes.level", remove_source: true }, "attributes.level:*"),
    ];
    return newPipeline(draft, "parse-json", steps, description);
  }
  if (start === "redact") return newPipeline(draft, "secrets", [newStep("redact")], description);
  return newPipeline(draft, "drop-debug", [newStep("drop", { query: "severity:debug" })], description);
}
