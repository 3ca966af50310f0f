// What a handler sees of its job, and what it may do with it.
import type { DeliveredJob, JsonObject, LogLevel } from "../types.ts";

/** Thrown by a handler, says more than an ordinary error: whether and when to try again. */
export class JobFailure extends Error {
  override name = "JobFailure";
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: { retryable?: boolean; retryAfterSeconds?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable ?? true;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Why `signal` has aborted. */
export type StopReason = "killed" | "lost" | "drain";

export interface JobContext {
  /** Aborts when the job is killed, when its delivery is lost to somebody else, or when a drain's patience ends. */
  readonly signal: AbortSignal;
  /** The last checkpoint, of this attempt or of one before. */
  readonly lastCheckpoint: any;
  /** Reports progress; resolves when it is on disk. Need not be awaited. */
  progress(data: JsonObject): Promise<void>;
  /** Stores where to resume. */
  checkpoint(data: JsonObject): Promise<void>;
  /** An event of the handler's own. */
  event(data: JsonObject): Promise<void>;
  /**
   * Appends a line to the job's log. Never fails the job: a line over 8 KiB is cut, fields that cannot be kept are left
   * out, and what cannot be sent is told to the worker's `onError`.
   */
  log(level: LogLevel, message: string, fields?: JsonObject): void;
}

/** Does the work. What it returns is the job's result; what it throws fails the attempt. */
export type Handler<Payload = any, Result = unknown> = (job: DeliveredJob<Payload>, ctx: JobContext) => Promise<Result> | Result;
