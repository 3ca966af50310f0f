// Runs clients/vectors against the real server, through the proxy that spoils connections.
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Connection, Emit, EmitError, type JobContext, JobEndedError, JobFailure, type Worker } from "../src/index.ts";
import { Proxy, Server } from "./server.ts";

type Step = { do: string; [field: string]: any };
type Action = { [kind: string]: any };

const FOLDER = new URL("../../vectors/", import.meta.url);
const EVERYTHING = ["jobs:create", "jobs:worker", "jobs:kill"];
/** How long a signal may take on a busy machine; no measure of anything. */
const PATIENCE_MS = Number(process.env.EMIT_PATIENCE_MS ?? 60_000);

const server = new Server();
const proxy = new Proxy();
beforeAll(async () => {
  await server.start();
  await proxy.start(server.url);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

/** Tries until it does not throw any more. */
async function until(what: () => unknown): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return void (await what());
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** What is expected is a part of what is there; arrays have as many items. */
const like = (found: any, expected: any) => expect({ it: found }).toMatchObject({ it: expected });

const nested = (depth: number): Record<string, unknown> => (depth > 1 ? { a: nested(depth - 1) } : {});

class Watcher {
  readonly seen: any[] = [];
  over: true | unknown;
  /** Its connection is there, or will never be. */
  readonly begun: Promise<void>;

  constructor(watch: (onConnection: (connection: Connection) => void) => AsyncIterable<any>) {
    let begun = () => {};
    this.begun = new Promise((resolve) => (begun = resolve));
    const messages = watch(({ state }) => state !== "connecting" && state !== "reconnecting" && begun());
    (async () => {
      for await (const message of messages) this.seen.push(message);
    })().then(() => (this.over = true), (error) => (this.over = error));
  }
}

class Run {
  readonly saved: Record<string, any> = {};
  readonly watchers = new Map<string, Watcher>();
  readonly workers = new Map<string, Worker>();
  /** A name for each worker, of those it handles. */
  readonly handled: string[] = [];
  readonly stop = new AbortController();
  /** What handlers found wrong: they cannot fail a test themselves. */
  readonly findings: unknown[] = [];
  client!: Emit;

  /** `{a.b}` in every text of a step, by what was saved. */
  filled<T>(value: T): T {
    const named = (path: string) => path.split(".").reduce((at, part) => at?.[part], this.saved as any);
    return JSON.parse(JSON.stringify(value).replace(/\{([a-z]+(\.\w+)*)\}/g, (whole, path) => named(path) ?? whole));
  }

  async start(): Promise<void> {
    await proxy.faults({});
    this.saved.space = await server.space();
    await this.as(EVERYTHING);
  }

  async as(scopes: string[] | "public"): Promise<void> {
    this.client = new Emit({ url: proxy.url, token: await server.key(this.saved.space, scopes), space: this.saved.space });
  }

  async end(): Promise<void> {
    this.stop.abort();
    await proxy.faults({});
    const drains = [...this.workers.values()].map((worker) => worker.drain({ graceSeconds: 0 }));
    const late = await Promise.all(this.handled.map((name) => server.call("POST", `/spaces/${this.saved.space}/jobs`, { name })));
    await Promise.all(drains);
    expect(this.findings).toEqual([]);
    for (const { id } of late) like(await server.call("GET", `/jobs/${id}`), { status: "pending", attemptNumber: 0 });
  }

  async step(step: Step): Promise<void> {
    const found = await this.does(step).catch((error: unknown) => {
      const code = error instanceof EmitError ? error.code : undefined;
      if (step.error === undefined || code !== step.error) throw error;
      return undefined;
    });
    if (step.error !== undefined) expect(found).toBeUndefined();
    if (step.expect !== undefined && !["job", "counts"].includes(step.do)) like(found, step.expect);
    if (step.save) this.saved[step.save] = found;
  }

  async does(step: Step): Promise<any> {
    switch (step.do) {
      case "client": return this.as(step.scopes);
      case "faults": return proxy.faults(step.set);
      case "restart": return server.restart();
      case "admin": return server.call(...(step.call.split(" ") as [string, string]), step.body);
      case "create": return this.client.jobs.create(step.job);
      case "createMany": return this.client.jobs.createMany(step.jobs);
      case "erase": return this.client.jobs.erase(step.id);
      case "wait": return this.wait(step);
      case "watch": return this.watch(step);
      case "seen": return this.seen(step);
      case "worker": return this.work(step);
      case "drain": return this.workers.get(step.as)?.drain({ graceSeconds: step.graceSeconds });
      case "job": return until(async () => like(await server.call("GET", `/jobs/${step.id}`), step.expect));
      case "counts": return until(async () => like(await server.call("GET", `/spaces/${this.saved.space}/counts`), step.expect));
      case "history": {
        const events = await server.call("GET", `/jobs/${step.id}/events`);
        return expect(events.map((event: any) => event.type)).toEqual(step.types);
      }
      default: throw new Error(`no such step: ${step.do}`);
    }
  }

  async wait(step: Step): Promise<any> {
    if (!step.ended) {
      const result = await this.client.jobs.wait(step.id);
      return expect(result).toEqual(step.result);
    }
    const error: any = await this.client.jobs.wait(step.id).catch((error) => error);
    expect(error).toBeInstanceOf(JobEndedError);
    expect(error.status).toBe(step.ended.status);
    if (step.ended.error) expect(error.message).toContain(step.ended.error);
  }

  async watch(step: Step): Promise<void> {
    const watcher = new Watcher((onConnection) => {
      const options = { since: step.since, signal: this.stop.signal, onConnection };
      return step.space ? this.client.spaces.watch(step.space, options) : this.client.jobs.watch(step.id, options);
    });
    this.watchers.set(step.as, watcher);
    await watcher.begun;
  }

  async seen(step: Step): Promise<void> {
    const watcher = this.watchers.get(step.as)!;
    await until(() => {
      expect(watcher.seen.map((message) => message.type)).toEqual(step.types);
      if (step.ends === true) expect(watcher.over).toBe(true);
      else if (step.ends) expect((watcher.over as EmitError | undefined)?.code).toBe(step.ends);
      else expect(watcher.over).toBeUndefined();
    });
    const numbers = watcher.seen.filter(({ type }) => type !== "gap" && type !== "init").map(({ seq }) => seq);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  }

  async work(step: Step): Promise<void> {
    const worker = this.client.worker({ concurrency: step.concurrency ?? 1, name: "vector" });
    for (const [name, attempts] of Object.entries<Action[][]>(step.handlers)) {
      worker.handle(name, async (job, ctx) => {
        for (const action of attempts[Math.min(job.attemptNumber, attempts.length - 1)]!) {
          if ("return" in action) return action.return;
          if ("returnSize" in action) return "x".repeat(action.returnSize);
          await this.act(action, ctx);
        }
      });
    }
    this.workers.set(step.as, worker);
    this.handled.push(Object.keys(step.handlers)[0]!);
    worker.run().catch((error) => this.findings.push(error));
  }

  async act(action: Action, ctx: JobContext): Promise<unknown> {
    const [[kind, value]] = Object.entries(action) as [[string, any]];
    switch (kind) {
      case "progress": return ctx.progress(value);
      case "progressDepth": return ctx.progress(nested(value));
      case "checkpoint": return ctx.checkpoint(value);
      case "event": return ctx.event(value);
      case "log": return ctx.log(value[0], value[1]);
      case "restart": return server.restart();
      case "hang": return new Promise(() => {});
      case "pauseMs": return new Promise((resolve) => setTimeout(resolve, value));
      case "fail": throw new JobFailure(value, action);
      case "expectCheckpoint": {
        if (JSON.stringify(ctx.lastCheckpoint) !== JSON.stringify(value)) this.findings.push({ checkpoint: ctx.lastCheckpoint, value });
        return;
      }
      case "untilStopped": {
        await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
        if (ctx.signal.reason !== value) this.findings.push({ stopped: ctx.signal.reason, value });
        throw new Error("stopped");
      }
      default: throw new Error(`no such action: ${kind}`);
    }
  }
}

const SOCKETS = [globalThis.WebSocket, undefined];
test("there are both kinds of stream", () => expect(SOCKETS[0]).toBeDefined());

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
// Only watchers have a stream.
for (const [file, socket] of files.flatMap((file) => (file === "watch.json" ? SOCKETS : [undefined]).map((socket) => [file, socket] as const))) {
  describe(`${file}, ${socket ? "WebSocket" : "server-sent events"}`, () => {
    beforeAll(() => void vi.stubGlobal("WebSocket", socket));
    for (const vector of JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"))) {
      test(vector.name, { timeout: 3 * PATIENCE_MS }, async () => {
        const run = new Run();
        await run.start();
        for (const step of vector.steps as Step[]) await run.step(run.filled(step));
        await run.end();
      });
    }
  });
}
