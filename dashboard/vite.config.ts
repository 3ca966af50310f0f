import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const client = new URL("../clients/typescript/src/", import.meta.url).pathname;

/** Packs what is worth it once, here, and not at every request. */
const packed: Plugin = {
  name: "packed",
  apply: "build",
  // From what was written: other plugins still change the code before that.
  writeBundle({ dir }, bundle) {
    for (const name of Object.keys(bundle).filter((name) => /^assets\/.*\.(js|css|svg)$/.test(name))) {
      const file = join(dir!, name);
      writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
    }
  },
};

export default defineConfig({
  plugins: [react(), tailwind(), packed],
  resolve: {
    alias: { "emit-client/react": `${client}react.ts`, "emit-client": `${client}index.ts` },
    dedupe: ["react", "react-dom"],
  },
  // Nothing within the page: the policy of the server forbids it.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { proxy: Object.fromEntries(["/api", "/demo"].map((path) => [path, { target: process.env.EMIT_URL ?? "http://127.0.0.1:8080", ws: true }])) },
});
