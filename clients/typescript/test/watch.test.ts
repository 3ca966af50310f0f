// What a watcher is told of its connection, and what a slow one costs.
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type Connection, Emit } from "../src/index.ts";
import { ADMIN_KEY, Server } from "./server.ts";

const server = new Server();
beforeAll(async () => void (await server.start()));
afterAll(() => server.stop());
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const textOf = (connection: Connection) => (connection.state === "catching-up" ? `behind ${connection.behind}` : connection.state);

/** What was told by the time that so many messages have come. */
async function told(since: number, messages: number): Promise<string[]> {
  const space = await server.space();
  await server.call("POST", `/spaces/${space}/jobs`, [{ name: "a" }, { name: "a" }, { name: "a" }]);
  const emit = new Emit({ url: server.url, token: ADMIN_KEY });
  const heard: string[] = [];
  const onConnection = (connection: Connection) => heard.push(textOf(connection));
  for await (const _ of emit.spaces.watch(space, { since, onConnection })) if (--messages === 0) break;
  return heard;
}

test("how far behind it is, until it is no more", async () => {
  expect(await told(1, 2)).toEqual(["connecting", "behind 2", "behind 1", "live", "ended"]);
});

test("and after a gap, how far behind what is there now", async () => {
  expect(await told(1_000_000, 4)).toEqual(["connecting", "live", "behind 3", "behind 2", "behind 1", "live", "ended"]);
});

test("a slow reader keeps a bounded number of messages waiting, and misses none", async () => {
  const space = await server.space();
  const jobs = Array.from({ length: 1_000 }, () => ({ name: "a" }));
  for (let n = 0; n < 15; n++) await server.call("POST", `/spaces/${space}/jobs`, jobs);
  let hungUp = () => {};
  const full = new Promise<void>((resolve) => (hungUp = resolve));
  vi.stubGlobal("WebSocket", class extends WebSocket {
    override close() {
      hungUp();
      super.close();
    }
  });
  let next = 1;
  for await (const { seq } of new Emit({ url: server.url, token: ADMIN_KEY }).spaces.watch(space, { since: 0 })) {
    if (next === 1) await full;
    expect(seq).toBe(next++);
    if (next > 15_000) break;
  }
});

test("server-sent events that nobody opens are given up after a while, and asked for again", async () => {
  const space = await server.space();
  vi.stubGlobal("WebSocket", undefined);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const gone = new AbortController();
  let asked = 0;
  const silent: typeof fetch = (input, init) => {
    if (new Headers(init?.headers).get("accept") !== "text/event-stream") return fetch(input, init);
    asked++;
    return new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
  };
  const heard: string[] = [];
  const onConnection = (connection: Connection) => heard.push(textOf(connection));
  const watching = (async () => {
    const emit = new Emit({ url: server.url, token: ADMIN_KEY, fetch: silent });
    for await (const _ of emit.spaces.watch(space, { since: 0, signal: gone.signal, onConnection }));
  })();
  await vi.waitFor(() => expect(asked).toBe(1));
  await vi.advanceTimersByTimeAsync(10_000);
  await vi.waitFor(() => expect(heard).toContain("reconnecting"));
  while (asked < 2) await vi.advanceTimersByTimeAsync(1_000);
  gone.abort();
  await watching;
});
