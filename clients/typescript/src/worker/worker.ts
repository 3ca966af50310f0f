// A worker: polls for as many jobs as it has hands free, and gives each to its handler.
import type { Emit } from "../emit.ts";
import { EmitError, isEmitError } from "../errors.ts";
import { freshKey, path } from "../http.ts";
import { backoff, pause } from "../pause.ts";
import type { DeliveredJob, Job } from "../types.ts";
import { Attempt } from "./attempt.ts";
import type { Handler } from "./context.ts";
import { Reporter } from "./reporter.ts";

/** Jobs of one poll: the contract's limit. */
const POLL_MAX = 50;
/** A poll waits that long for a job. A drain waits for the last one's answer: its jobs would be delivered to nobody. */
const WAIT_SECONDS = 3;
/** A drain hangs up on a poll that is not answered by then. */
const LAST_POLL_SECONDS = 10;
/** At the latest after that time a job's kill is noticed. */
const KEEPALIVE_SECONDS = 10;

export interface WorkerOptions {
  /** Else the client's, or the key's own. */
  space?: string;
  /** Jobs at the same time, a whole number; 1 by default. */
  concurrency?: number;
  /** Who works, as events and jobs show it; a fresh name by default. */
  name?: string;
  /** Told what no handler can be told: polls that failed, ends that could not be reported, log lines that could not be sent. */
  onError?: (error: unknown, job?: Job) => void;
}

export class Worker {
  readonly #emit: Emit;
  readonly #options: WorkerOptions;
  readonly #handlers = new Map<string, Handler>();
  readonly #running = new Map<Attempt, Promise<void>>();
  readonly #stopPolling = new AbortController();
  readonly #hangUp = new AbortController();
  #freed = () => {};
  #run: Promise<void> | undefined;

  constructor(emit: Emit, options: WorkerOptions) {
    const { concurrency = 1 } = options;
    if (!(Number.isInteger(concurrency) && concurrency > 0)) throw new RangeError(`concurrency is a whole number above 0, and not ${concurrency}`);
    this.#emit = emit;
    this.#options = options;
  }

  /** Which function does the jobs of a name. */
  handle<Payload = any, Result = unknown>(name: string, handler: Handler<Payload, Result>): this {
    this.#handlers.set(name, handler);
    return this;
  }

  /** Works until `drain` is called; rejects where the key may not work here. */
  run(): Promise<void> {
    this.#run ??= this.#work().finally(() => this.#stopPolling.abort());
    return this.#run;
  }

  /** Takes nothing more, releases what it has not begun, waits for the rest, and gives back what takes too long. */
  async drain({ graceSeconds = 30 }: { graceSeconds?: number } = {}): Promise<void> {
    this.#stopPolling.abort();
    this.#freed();
    const patience = new AbortController();
    const after = (seconds: number, what: () => void) => pause(seconds * 1_000, patience.signal).then(what, () => {});
    const late = [
      after(graceSeconds, () => this.#running.forEach((_, attempt) => attempt.abandon())),
      after(LAST_POLL_SECONDS, () => this.#hangUp.abort()),
    ];
    await this.#run?.catch(() => {});
    await Promise.all(this.#running.values());
    patience.abort();
    await Promise.all(late);
  }

  async #work(): Promise<void> {
    if (this.#handlers.size === 0) throw new TypeError("a worker handles something: call handle() before run()");
    let poll: string | undefined;
    const reporter = new Reporter(this.#emit.http);
    const concurrency = this.#options.concurrency ?? 1;
    const headers = { "x-emit-worker": this.#options.name ?? `worker-${freshKey().slice(0, 8)}` };
    const signal = this.#stopPolling.signal;
    for (let tries = 0; !signal.aborted; ) {
      const free = Math.min(POLL_MAX, concurrency - this.#running.size);
      if (free <= 0) {
        await new Promise<void>((resolve) => (this.#freed = resolve));
        continue;
      }
      try {
        poll ??= path`/spaces/${await this.#emit.spaceId(this.#options.space)}/jobs/poll`;
        const body = { count: free, names: [...this.#handlers.keys()], waitSeconds: WAIT_SECONDS };
        const call = { body, headers, repeat: "never", signal: this.#hangUp.signal } as const;
        const { jobs } = await this.#emit.http.call<{ jobs: DeliveredJob[] }>("POST", poll, call);
        tries = 0;
        for (const job of jobs) this.#begin(job, reporter, signal.aborted);
      } catch (error) {
        if (signal.aborted) break;
        // A key that may not poll, or no space to poll, is told to whoever started the worker; a server that starts is waited for.
        if (error instanceof EmitError ? error.status >= 400 && error.status < 500 && !error.refused : !poll) throw error;
        // Of an outage only the beginning is told.
        if (tries === 0 || !isEmitError(error, "connection")) this.#options.onError?.(error);
        await pause(backoff(tries++, (error as EmitError).retryAfter), signal).catch(() => {});
      }
    }
  }

  #begin(job: DeliveredJob, reporter: Reporter, draining: boolean): void {
    const attempt = new Attempt(job, reporter, (error) => this.#options.onError?.(error, job));
    const handler = this.#handlers.get(job.name);
    const keepaliveMs = Math.min(KEEPALIVE_SECONDS, job.timeoutSeconds / 3, job.deliveryTimeoutSeconds / 3) * 1_000;
    const work = draining || !handler ? attempt.release() : attempt.run(handler, keepaliveMs);
    const over = work.catch((error) => this.#options.onError?.(error, job)).finally(() => {
      this.#running.delete(attempt);
      this.#freed();
    });
    this.#running.set(attempt, over);
  }
}
