import { defineConfig } from "vitest/config";

// Whatever waits, waits for a signal of a busy machine.
export default defineConfig({ test: { hookTimeout: 60_000, testTimeout: 60_000 } });
