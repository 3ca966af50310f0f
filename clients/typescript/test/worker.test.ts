// What a handler may throw, say and return: whatever it is, its job is told about, and nobody waits for it in vain.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Emit, type Handler, type Job, JobFailure, type LogLine, type WorkerOptions } from "../src/index.ts";
import { ADMIN_KEY, Server } from "./server.ts";

const server = new Server();
beforeAll(async () => void (await server.start()));
afterAll(() => server.stop());

/** A job's end, after one attempt by this handler. */
async function end(handler: Handler, options: WorkerOptions = {}): Promise<Job> {
  const emit = new Emit({ url: server.url, token: ADMIN_KEY, space: await server.space() });
  const { id } = await emit.jobs.create({ name: "a", maxRetries: 0 });
  const worker = emit.worker(options).handle("a", handler);
  const run = worker.run();
  await emit.jobs.wait(id).catch(() => {});
  const drained = worker.drain();
  // Wakes the last poll.
  await emit.jobs.create({ name: "a" });
  await drained;
  await run;
  return emit.jobs.get(id);
}

const thrower = (what: unknown): Handler => () => {
  throw what;
};
const messageOf = (message: any) => Object.assign(new Error(), { message });

test.each<[string, unknown, string]>([
  ["U+0000", new Error("bad \0 byte"), "bad \ufffd byte"],
  ["half of a character", new Error("Party \ud83c"), "Party \ufffd"],
  ["a character over the limit", new Error(`${"x".repeat(9_999)}😀 tail`), `${"x".repeat(9_999)}\ufffd`],
  ["a wait below 0", new JobFailure("x", { retryAfterSeconds: -5 }), "x"],
  ["a wait of years", new JobFailure("x", { retryAfterSeconds: Infinity }), "x"],
  ["a wait that is none", new JobFailure("x", { retryAfterSeconds: Number.NaN }), "failed, with an error that cannot be stored"],
  ["a flag that is none", new JobFailure("x", { retryable: 1n as never }), "failed, with an error that cannot be stored"],
  ["nothing", undefined, "undefined"],
  ["an object without a text", Object.create(null), "an error that has no text"],
  ["a message that is no text", messageOf({ a: 1 }), "[object Object]"],
])("a failure with %s is reported", async (_, thrown, error) => {
  const job = await end(thrower(thrown));
  expect(job.status).toBe("dead");
  expect(job.result.error).toContain(error);
  expect(job.result.error.length).toBeLessThanOrEqual(10_000);
});

test.each<[string, () => unknown]>([
  ["no JSON", () => ({ n: 1n })],
  ["a thrower", () => ({ toJSON: thrower(new Error("no")) })],
  ["half of a character", () => ({ a: "\udc00" })],
])("a result that is %s fails its job, and says why", async (_, result) => {
  const job = await end(result);
  expect(job).toMatchObject({ status: "dead", result: { error: expect.stringContaining("the result cannot be stored") } });
});

test("every line of a log arrives, or is told of", async () => {
  const told: string[] = [];
  const onError = (error: unknown) => told.push((error as Error).message);
  const job = await end((_, ctx) => {
    ctx.log("info", "first");
    ctx.log("error", "ä".repeat(9_000));
    for (let n = 0; n < 300; n++) ctx.log("info", "z".repeat(5_000));
    ctx.log("info", "no JSON", { n: 1n });
    ctx.log("info", "too long", { text: "z".repeat(9_000) });
    ctx.log("info", "long", { text: "z".repeat(7_000) });
    ctx.log("info", `${"z".repeat(4_000)} beside`, { text: "z".repeat(6_000) });
    ctx.log("info", "a \0 and half a \ud83c", { text: "\0 \udc00" });
    ctx.log("loud" as "info", "no such level");
    ctx.log("info", "last");
  }, { onError });
  expect(job.status).toBe("completed");
  const emit = new Emit({ url: server.url, token: ADMIN_KEY });
  const { items } = await emit.jobs.logs(job.id, { limit: 1_000 });
  const short = ({ message, fields }: LogLine) => `${message.slice(0, 8)} ${message.length} ${JSON.stringify(fields)?.length}`;
  expect([...items.slice(0, 2), ...items.slice(301)].map(short)).toEqual([
    "first 5 4", "ääääääää 4095 4", "zzzzzzzz 5000 4", "no JSON 7 4", "too long 8 4", "long 4 7011", "zzzzzzzz 2179 6011",
    "a \ufffd and  16 14", "last 4 4",
  ]);
  expect(items).toHaveLength(308);
  expect(told).toHaveLength(3);
  expect(told[0]).toContain("BigInt");
  expect(told[2]).toContain("level");
});

test("a drain lets a handler say where it stood, and does not wait for it", async () => {
  const emit = new Emit({ url: server.url, token: ADMIN_KEY, space: await server.space() });
  const { id } = await emit.jobs.create({ name: "a" });
  const worker = emit.worker();
  const begun = new Promise<void>((resolve) => {
    worker.handle("a", (_, ctx) => {
      ctx.signal.addEventListener("abort", () => void ctx.checkpoint({ page: 7 }));
      resolve();
      return new Promise(() => {});
    });
  });
  const run = worker.run();
  await begun;
  await worker.drain({ graceSeconds: 0 });
  await run;
  expect(await emit.jobs.get(id)).toMatchObject({ status: "pending", attemptNumber: 0, checkpoint: { page: 7 } });
});

test("a worker that is there before its server waits for it", async () => {
  const space = await server.space();
  let asked = 0;
  const fetch_: typeof fetch = (...call) => (asked++ < 3 ? Promise.reject(new TypeError("not yet")) : fetch(...call));
  const emit = new Emit({ url: server.url, token: await server.key(space, ["jobs:create", "jobs:worker"]), retries: 0, fetch: fetch_ });
  const worker = emit.worker().handle("a", () => 7);
  const run = worker.run();
  const { id } = await server.call("POST", `/spaces/${space}/jobs`, { name: "a" });
  await Promise.race([run, emit.jobs.wait(id)]);
  expect(await emit.jobs.get(id)).toMatchObject({ status: "completed", result: 7 });
  await worker.drain();
  await run;
});

test("a drain without an end to its patience waits for what it has begun", async () => {
  const emit = new Emit({ url: server.url, token: ADMIN_KEY, space: await server.space() });
  const { id } = await emit.jobs.create({ name: "a" });
  const worker = emit.worker();
  const begun = new Promise<void>((resolve) => {
    worker.handle("a", async (_, { signal }) => {
      resolve();
      await new Promise((done) => setTimeout(done, 100));
      signal.throwIfAborted();
    });
  });
  const run = worker.run();
  await begun;
  await worker.drain({ graceSeconds: Infinity });
  await run;
  expect(await emit.jobs.get(id)).toMatchObject({ status: "completed" });
});
