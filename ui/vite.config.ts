/** Build and test settings. Output goes into the Python package, which serves it; `npm run dev` proxies to NEXUS_URL. */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.NEXUS_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL("../src/nexus/server/static", import.meta.url)),
    emptyOutDir: true,
    manifest: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        manualChunks(id: string): string | undefined {
          if (
            /node_modules\/(react|react-dom|scheduler|react-router|nuqs|@tanstack\/(react-query|query-core))\//.test(id)
          )
            return "react";
          if (/node_modules\/(@prometheus-io|@codemirror\/lint|lru-cache)/.test(id)) return "promql";
          if (/node_modules\/(@codemirror|@lezer|style-mod|crelt|w3c-keyname|@marijn)/.test(id))
            return id.includes("lang-sql") ? "sql" : "editor";
          return undefined;
        },
      },
    },
  },
  server: { proxy: { "/api": server, "/-": server } },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    restoreMocks: true,
    // A test waits up to half a minute for one thing on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One copy of react-router for it and for us.
    server: { deps: { inline: ["nuqs"] } },
  },
});
