// One attempt at one job: from its ack to its last report.
import { EmitError } from "../errors.ts";
import type { DeliveredJob, JsonObject } from "../types.ts";
import { type Handler, type JobContext, JobFailure, type StopReason } from "./context.ts";
import { Log } from "./log.ts";
import type { Reporter, ReportKind } from "./reporter.ts";
import { cut, textOf } from "./text.ts";

/** Characters of an error: who needs more has a log. */
const ERROR_MAX = 10_000;
/** The longest wait before a retry, in seconds: the contract's limit. */
const RETRY_AFTER_MAX = 86_400;

export class Attempt {
  readonly job: DeliveredJob;
  readonly #reporter: Reporter;
  readonly #stop = new AbortController();
  #leave = () => {};
  readonly #left = new Promise<void>((resolve) => (this.#leave = resolve));
  readonly #log: Log;
  #heard = Date.now();

  /** `lost` is told of log lines that cannot be sent. */
  constructor(job: DeliveredJob, reporter: Reporter, lost: (error: unknown) => void) {
    this.job = job;
    this.#reporter = reporter;
    this.#log = new Log((lines) => this.#report("logs", { lines }), lost);
  }

  /** Aborts the handler's signal; its job is then nobody's business any more, or goes back. */
  stop(reason: StopReason): void {
    this.#stop.abort(reason);
  }

  /** Waits for the handler no longer: its job goes back. */
  abandon(): void {
    this.stop("drain");
    // Who listens to the signal has a last word, such as a checkpoint.
    setTimeout(this.#leave);
  }

  /** Acks, works, and tells how it went. Rejects only where telling failed. */
  async run(handler: Handler, keepaliveMs: number): Promise<void> {
    const beat = setInterval(() => {
      // A report says as much as a keepalive.
      if (Date.now() - this.#heard >= keepaliveMs / 2) this.#report("keepalive").catch(() => {});
    }, keepaliveMs);
    try {
      await this.#report("ack");
      let result: unknown;
      try {
        result = await Promise.race([this.#work(handler), this.#left.then(() => Promise.reject(this.#stop.signal.reason))]);
      } catch (error) {
        return await this.#failed(error);
      }
      // A handler that ends well in spite of its signal has done the job: only its delivery can say otherwise.
      await this.#log.sent();
      await this.#completed(result);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      clearInterval(beat);
    }
  }

  async #work(handler: Handler): Promise<unknown> {
    this.#stop.signal.throwIfAborted();
    return handler(this.job, this.#context());
  }

  /** Gives the job back without a penalty. */
  async release(): Promise<void> {
    await this.#report("release");
  }

  async #completed(result: unknown): Promise<void> {
    try {
      await this.#report("complete", result ?? null);
    } catch (error) {
      if (!unreadable(error)) throw error;
      await this.#fail(new JobFailure(`the result cannot be stored: ${textOf(error)}`, { retryable: false }));
    }
  }

  async #failed(error: unknown): Promise<void> {
    await this.#log.sent();
    const reason = this.#stop.signal.aborted && (this.#stop.signal.reason as StopReason);
    if (reason === "drain") return this.release();
    if (reason) return;
    await this.#fail(error instanceof JobFailure ? error : new JobFailure(textOf(error)));
  }

  async #fail({ message, retryable, retryAfterSeconds }: JobFailure): Promise<void> {
    const after = retryAfterSeconds === undefined ? undefined : Math.min(RETRY_AFTER_MAX, Math.max(0, retryAfterSeconds));
    try {
      await this.#report("fail", { error: cut(String(message), ERROR_MAX), retryable, retryAfterSeconds: after });
    } catch (error) {
      if (!unreadable(error)) throw error;
      // Whatever is wrong with it: a job that failed must not seem to run.
      await this.#report("fail", { error: `failed, with an error that cannot be stored: ${textOf(error)}` });
    }
  }

  async #report(kind: ReportKind, body?: unknown): Promise<void> {
    try {
      await this.#reporter.report(this.job.id, this.job.deliveryId, kind, body);
      this.#heard = Date.now();
    } catch (error) {
      if (error instanceof EmitError && (error.status === 409 || error.status === 404)) {
        this.stop(error.jobStatus === "killed" ? "killed" : "lost");
      }
      throw error;
    }
  }

  #context(): JobContext {
    const attempt = this;
    let lastCheckpoint = this.job.checkpoint ?? null;
    // Whoever does not await must not be ended by what he did not hear: the next report or the end says it again.
    const send = (kind: ReportKind, data: JsonObject) => {
      const sent = attempt.#report(kind, data);
      sent.catch(() => {});
      return sent;
    };
    return {
      signal: this.#stop.signal,
      get lastCheckpoint() {
        return lastCheckpoint;
      },
      progress: (data) => send("progress", data),
      checkpoint: (data) => {
        lastCheckpoint = data;
        return send("checkpoint", data);
      },
      event: (data) => send("event", data),
      log: (level, message, fields) => attempt.#log.add(level, message, fields),
    };
  }
}

/** It is about what the report holds. What is no call's error is one of making JSON of it. */
const unreadable = (error: unknown): boolean => !(error instanceof EmitError) || error.unreadable;
