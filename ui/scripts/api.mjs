/** Regenerates src/core/api/schema.d.ts from a running server (NEXUS_URL, NEXUS_TOKEN) or a saved description (argument). */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let source = process.argv[2];
if (!source) {
  const base = process.env.NEXUS_URL ?? "http://127.0.0.1:8080";
  const answer = await fetch(`${base}/api/nexus/v1/openapi.json`, {
    headers: { Authorization: `Bearer ${process.env.NEXUS_TOKEN ?? ""}` },
  });
  if (!answer.ok) {
    console.error(`${base} answered ${answer.status}: set NEXUS_URL and NEXUS_TOKEN (an API key).`);
    process.exit(1);
  }
  source = join(mkdtempSync(join(tmpdir(), "nexus-api-")), "openapi.json");
  writeFileSync(source, await answer.text());
}
execFileSync(
  "tools/node_modules/.bin/openapi-typescript",
  [source, "--default-non-nullable=false", "-o", "src/core/api/schema.d.ts"],
  { stdio: "inherit" },
);
