/** Fails when the built JavaScript outgrows its budget (gzip): shell 230 KB, any route 180 KB more, total 700 KB. */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1000;
const root = new URL("../../src/nexus/server/static/", import.meta.url).pathname;
const { default: manifest } = await import(`${root}.vite/manifest.json`, { with: { type: "json" } });
const size = (file) => gzipSync(readFileSync(root + file), { level: 9 }).length;
const reach = (key, seen = new Set()) => {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) reach(next, seen);
  return seen;
};
const sum = (keys) =>
  [...keys]
    .filter((key) => manifest[key].file.endsWith(".js"))
    .reduce((total, key) => total + size(manifest[key].file), 0);

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const shell = reach(entry);
const lines = [["shell", sum(shell), 230 * KB]];
for (const key of manifest[entry].dynamicImports ?? []) {
  lines.push([
    key.replace(/^src\/(pages|components)\//, ""),
    sum([...reach(key)].filter((part) => !shell.has(part))),
    180 * KB,
  ]);
}
const all = readdirSync(`${root}assets`).filter((name) => name.endsWith(".js"));
lines.push(["total", all.reduce((total, name) => total + size(`assets/${name}`), 0), 700 * KB]);
let failed = false;
for (const [name, bytes, budget] of lines) {
  failed ||= bytes > budget;
  console.log(
    `${bytes > budget ? "OVER" : "ok  "} ${name.padEnd(24)} ${(bytes / KB).toFixed(1).padStart(7)} of ${budget / KB} KB`,
  );
}
process.exit(failed ? 1 : 0);
