import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Beside every file its compressed forms, so that the analyzer compresses nothing at run time. */
function compressed(): Plugin {
  const walk = (dir: string): string[] =>
    readdirSync(dir).flatMap((name) => {
      const path = join(dir, name);
      return statSync(path).isDirectory() ? walk(path) : [path];
    });
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const path of walk("dist").filter((p) => /\.(html|js|css|svg)$/.test(p))) {
        const bytes = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(bytes));
      }
    },
  };
}

export default defineConfig({
  build: {
    // The folder holds a .gitignore that keeps it in git; the build script empties the rest.
    emptyOutDir: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  plugins: [compressed()],
  // `npm run dev` beside a running analyzer.
  server: {
    proxy: {
      "/api": "http://127.0.0.1:8420",
      "/healthz": "http://127.0.0.1:8420",
      "/metrics": "http://127.0.0.1:8420",
    },
  },
});
