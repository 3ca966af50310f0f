import { defineConfig } from "@playwright/test";

// Debian's Chromium, as in tests/browser. One at a time: each test starts a server of its own, and some measure.
export default defineConfig({
  testDir: "e2e",
  workers: 1,
  reporter: [["list"]],
  timeout: process.env.EMIT_LONG ? 900_000 : 120_000,
  expect: { timeout: 30_000 },
  use: {
    viewport: { width: 1360, height: 860 },
    launchOptions: {
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
    },
  },
});
