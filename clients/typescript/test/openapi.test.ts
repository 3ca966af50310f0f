// The types are those of the server: made anew from its description they are the committed ones.
import { expect, test } from "vitest";
// @ts-expect-error a script without types
import { committed, generated } from "../generate.mjs";
import { Server } from "./server.ts";

test("src/openapi.ts is what the running server describes", { timeout: 60_000 }, async () => {
  const server = await new Server().start();
  try {
    const description = await (await fetch(`${server.url}/api/openapi.json`)).json();
    expect(await generated(description)).toBe(await committed());
  } finally {
    await server.stop();
  }
});
