/**
 * Makes src/core/api/schema.d.ts again from the server's code, or from a saved description (argument). Its first line says
 * from which description it was made: scripts/generate_reference.py compares that with the code.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SHAPES = "src/core/api/schema.d.ts";
const description = process.argv[2]
  ? readFileSync(process.argv[2])
  : execFileSync("../.venv/bin/python", ["../scripts/generate_reference.py", "--openapi"], { maxBuffer: 1 << 26 });
const folder = mkdtempSync(join(tmpdir(), "nexus-api-"));
try {
  const source = join(folder, "openapi.json");
  writeFileSync(source, description);
  const options = ["--default-non-nullable=false", "--empty-objects-unknown"];
  execFileSync("tools/node_modules/.bin/openapi-typescript", [source, ...options, "-o", SHAPES], { stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true });
}
const hash = createHash("sha256").update(description).digest("hex");
writeFileSync(SHAPES, `/** Made from the description with SHA-256 ${hash}. */\n${readFileSync(SHAPES, "utf8")}`);
