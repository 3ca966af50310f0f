// What cannot work is said at once, and in words: not by the first call, and not by a wait for ever.
import { expect, test } from "vitest";
import { Emit, type SpaceSettings } from "../src/index.ts";

const URL = "http://emit.test";

test.each(["", "emit_abc\n", " emit_abc", "emit_a b", "emit_\0", "ключ"])("%j is no key", (token) => {
  expect(() => new Emit({ url: URL, token })).toThrow("no key");
});

test.each(["emit_A1~", "a/b+c=", '"(,:)"'])("%j is a key", (token) => {
  expect(new Emit({ url: URL, token }).http.token).toBe(token);
});

test.each(["localhost:8080", "127.0.0.1:8080", "ftp://emit.test", "http://", "emit"])("%j is no address", (url) => {
  expect(() => new Emit({ url })).toThrow("no address");
});

test.each(["", "/", "/emit/", URL, `${URL}/`])("%j is an address", (url) => {
  expect(new Emit({ url, token: "emit_A1~" }).http.base).toBe(`${url.replace(/\/$/, "")}/api/v1`);
});

test.each([0, -1, 1.5, Number.NaN, Infinity])("a worker cannot do %d jobs at the same time", (concurrency) => {
  expect(() => new Emit({ url: URL }).worker({ concurrency })).toThrow("concurrency");
});

test("a worker that handles nothing does not begin", async () => {
  await expect(new Emit({ url: URL }).worker().run()).rejects.toThrow("handle()");
});

test.each<[SpaceSettings, number]>([
  [{ paused: true }, 2],
  [{ webhookSecret: `whsec_${"A".repeat(32)}` }, 2],
  [{ webhookSecret: null }, 1],
])("an edit to %j whose answer is lost is sent %d times", async (settings, times) => {
  let sent = 0;
  const fetch = async () => {
    sent++;
    throw new TypeError("cut");
  };
  await expect(new Emit({ url: URL, retries: 1, fetch }).spaces.edit("01JMV3Z0000000000000000000", settings)).rejects.toThrow("cannot be reached");
  expect(sent).toBe(times);
});
