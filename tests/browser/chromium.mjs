// Debian's Chromium, headless, with nothing in it that talks to the outside.
import { chromium } from "playwright-core";

export function launch() {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox", // the tests run as root in CI
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** One call of the program under test, as one line of JSON. */
export function record(...call) {
  process.stdout.write(JSON.stringify(call) + "\n");
}

/** Resolves when whoever started this script closes its standard input. */
export function inputClosed() {
  return new Promise((resolve) => process.stdin.on("end", resolve).on("error", resolve).resume());
}
