// What can go wrong, typed by its code. Codes are stable; titles and details are for people.
import type { Job, JobStatus, ProblemBody } from "./types.ts";

/**
 * Codes the server answers with, each with a page at /errors/CODE, and two of the client's own. `connection`: no answer
 * came. `unexpected_answer`: what answered is no Emit, such as a login page in between.
 */
export type ErrorCode =
  | "malformed_json" | "bad_request" | "missing_key" | "invalid_key" | "missing_scope" | "wrong_space" | "wrong_job"
  | "origin_not_allowed" | "not_found" | "job_not_found" | "space_not_found" | "token_not_found" | "method_not_allowed"
  | "request_timeout" | "wrong_state" | "stale_delivery" | "space_paused" | "space_not_empty" | "payload_too_large"
  | "unsupported_media_type" | "invalid_fields" | "invalid_query" | "invalid_header" | "not_available"
  | "idempotency_mismatch" | "use_cursor" | "upgrade_required" | "rate_limited" | "too_many_streams" | "internal"
  | "queue_full" | "overloaded" | "draining" | "store_unavailable" | "outcome_unknown" | "store_stopped"
  | "connection" | "unexpected_answer";

/** A call that did not do what it was asked to. `code` says why, `status` is the HTTP number, 0 without an answer. */
export class EmitError extends Error {
  override name = "EmitError";
  readonly code: ErrorCode | (string & {});
  readonly status: number;
  readonly problem: ProblemBody | undefined;
  /** How long the server asked to wait, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(code: string, status: number, message: string, more: { problem?: ProblemBody; retryAfter?: number; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.code = code;
    this.status = status;
    this.problem = more.problem;
    this.retryAfter = more.retryAfter;
  }

  /** The job's status, where that was what stood in the way (409). */
  get jobStatus(): JobStatus | undefined {
    return (this.problem as { jobStatus?: JobStatus } | undefined)?.jobStatus;
  }

  /** The fields that were wrong (422). */
  get fields(): { path: string; detail: string }[] {
    return this.problem?.errors ?? [];
  }

  /** It is about what the body holds: sent again as it is, it would be refused again. */
  get unreadable(): boolean {
    return [400, 413, 415, 422].includes(this.status);
  }

  /** Nothing of the request was kept, so that it may be sent again. */
  get refused(): boolean {
    return this.status === 429 || (this.status === 503 && this.code !== "outcome_unknown" && this.code !== "store_stopped");
  }

  /** It may have happened or not. */
  get ambiguous(): boolean {
    return this.code === "connection" || this.code === "outcome_unknown" || (this.status >= 500 && !this.problem);
  }
}

/** Narrows by code: `isEmitError(e, "wrong_state")`. */
export const isEmitError = (error: unknown, code?: ErrorCode): error is EmitError =>
  error instanceof EmitError && (code === undefined || error.code === code);

/** A job that was waited for ended otherwise than well. */
export class JobEndedError extends Error {
  override name = "JobEndedError";
  readonly job: Job;

  constructor(job: Job) {
    const why = job.status === "dead" ? job.result?.error : job.result?.reason;
    super(`the job ${job.id} is ${job.status}${why ? `: ${why}` : ""}`);
    this.job = job;
  }

  get status(): "dead" | "killed" {
    return this.job.status as "dead" | "killed";
  }
}

/** What answered well, but not as this API does. */
export const unexpected = (status: number, text: string, cause?: unknown): EmitError =>
  new EmitError("unexpected_answer", status, `what answered is no Emit: ${text.slice(0, 200)}`, { cause });

/** A problem as an error whose message says all of it. */
export function errorOfProblem(problem: ProblemBody, status: number, retryAfter?: number): EmitError {
  const wrong = (problem.errors ?? []).map(({ path, detail }) => `${path} ${detail}`).join("; ");
  const message = `${problem.title}${problem.detail ? `: ${problem.detail}` : ""}${wrong ? ` (${wrong})` : ""}`;
  return new EmitError(problem.code, status, message, { problem, ...(retryAfter !== undefined && { retryAfter }) });
}

/** What a problem's answer, or an answer that is none, becomes. */
export async function errorOf(answer: Response): Promise<EmitError> {
  const text = await answer.text().catch(() => "");
  const retryAfter = Number(answer.headers.get("retry-after") ?? Number.NaN);
  const more = Number.isFinite(retryAfter) ? { retryAfter } : {};
  try {
    const problem = JSON.parse(text) as ProblemBody;
    if (typeof problem.code === "string") return errorOfProblem(problem, answer.status, more.retryAfter);
  } catch {}
  // Something between here and the server answered.
  return new EmitError("internal", answer.status, `HTTP ${answer.status}: ${text.slice(0, 200)}`, more);
}
