/** Writes .gz and .br beside every built text file over 1 KB, for a server that does not compress on the fly. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = new URL("../../src/nexus/server/static/", import.meta.url).pathname;
for (const name of readdirSync(root, { recursive: true })) {
  const path = join(root, name);
  // index.html carries a nonce that the server fills in, so it cannot be compressed ahead.
  if (!/\.(js|css|svg|json)$/.test(path) || statSync(path).size < 1024) continue;
  const body = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}
