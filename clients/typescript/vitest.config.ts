import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Whatever waits, waits for a signal of a busy machine.
    hookTimeout: 60_000, testTimeout: 60_000,
    // Node 20 has sockets, and does not show them.
    execArgv: ["--experimental-websocket"],
  },
});
