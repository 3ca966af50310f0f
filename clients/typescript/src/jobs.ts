// Jobs: everything one can ask of them, and their streams.
import type { Emit } from "./emit.ts";
import { JobEndedError } from "./errors.ts";
import { freshKey, nextOf, path, seqOf } from "./http.ts";
import type { BulkResult, Job, JobEdit, JobEvent, JobMessage, JobStatus, LogLevel, LogLine, MadeToken, NewJob, Progress } from "./types.ts";
import { isEnd } from "./types.ts";
import { watchJob, type WatchOptions } from "./watch/watch.ts";

export interface InSpace {
  space?: string;
  signal?: AbortSignal;
}

export interface ListOptions extends InSpace {
  /** The query language: `status:dead name:video.* age:<1h`. */
  q?: string;
  status?: JobStatus[];
  name?: string;
  tag?: string;
  ids?: string[];
  limit?: number;
  cursor?: string | undefined;
  include?: ("payload" | "result")[];
}

export interface JobsPage {
  jobs: Job[];
  /** Where the next page begins; absent on the last. */
  cursor?: string;
  /** The state shown holds at least all events up to it: watch from here and nothing is missed. */
  seq: number;
}

export interface BulkOptions extends InSpace {
  status?: JobStatus;
  name?: string;
  createdBefore?: string;
  limit?: number;
  dryRun?: boolean;
}

export class Jobs {
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get #http() {
    return this.#emit.http;
  }

  /** Creates a job. Safe to be repeated: it goes out under an idempotency key, its own or a fresh one. */
  async create<P>(job: NewJob<P>, options: InSpace = {}): Promise<Job<P>> {
    const space = await this.#emit.spaceId(options.space);
    return this.#http.call("POST", path`/spaces/${space}/jobs`, { body: keyed(job), repeat: "always", signal: options.signal });
  }

  /** Creates 1 to 1,000 jobs, all or none. */
  async createMany<P>(jobs: NewJob<P>[], options: InSpace = {}): Promise<Job<P>[]> {
    const space = await this.#emit.spaceId(options.space);
    return this.#http.call("POST", path`/spaces/${space}/jobs`, { body: jobs.map(keyed), repeat: "always", signal: options.signal });
  }

  /** A job with its latest 100 events. */
  async get(id: string, options: { signal?: AbortSignal } = {}): Promise<Job> {
    return this.#http.call("GET", path`/jobs/${id}`, options);
  }

  /** A page of a space's jobs, newest first. */
  async list(options: ListOptions = {}): Promise<JobsPage> {
    const { signal, space, status, ids, include, ...rest } = options;
    const query = { ...rest, status: status?.join(","), ids: ids?.join(","), include: include?.join(",") };
    const jobs = path`/spaces/${await this.#emit.spaceId(space)}/jobs`;
    const { value, headers } = await this.#http.answer<Job[]>("GET", jobs, { query, signal });
    const cursor = nextOf(headers, "cursor");
    return { jobs: value, seq: seqOf(headers), ...(cursor && { cursor }) };
  }

  /** All events of a job that are kept, page by page. */
  async events(id: string, options: { after?: number; limit?: number; signal?: AbortSignal } = {}) {
    return this.#page<JobEvent>(path`/jobs/${id}/events`, options);
  }

  /** Lines of a job's log. */
  async logs(id: string, options: { after?: number; limit?: number; level?: LogLevel[]; q?: string; signal?: AbortSignal } = {}) {
    return this.#page<LogLine>(path`/jobs/${id}/logs`, { ...options, level: options.level?.join(",") });
  }

  async #page<T>(address: string, options: { signal?: AbortSignal } & Record<string, unknown>) {
    const { signal, ...query } = options;
    const { value, headers } = await this.#http.answer<T[]>("GET", address, { query: query as Record<string, string>, signal });
    return { items: value, more: nextOf(headers, "after") !== undefined };
  }

  /** The latest progress; a public token may ask. */
  async progress<D = any>(id: string, options: { signal?: AbortSignal } = {}): Promise<Progress<D>> {
    return this.#http.call("GET", path`/jobs/${id}/progress`, options);
  }

  /** Changes a job that waits. */
  async edit(id: string, changes: JobEdit): Promise<Job> {
    return this.#http.call("PATCH", path`/jobs/${id}`, { body: changes });
  }

  async kill(id: string, reason?: string): Promise<Job> {
    return this.#http.call("POST", path`/jobs/${id}/kill`, { body: reason === undefined ? {} : { reason } });
  }

  /** A new life for a job that has ended. */
  async requeue(id: string): Promise<Job> {
    return this.#http.call("POST", path`/jobs/${id}/requeue`);
  }

  /** Forgets what an ended job held. */
  async erase(id: string): Promise<void> {
    await this.#http.call("DELETE", path`/jobs/${id}`);
  }

  /** A throw-away key that sees this job's progress and nothing else. */
  async mintToken(id: string, expiresInSeconds: number): Promise<MadeToken> {
    return this.#http.call("POST", path`/jobs/${id}/tokens`, { body: { expiresInSeconds } });
  }

  /** Requeues (or kills) up to 1,000 jobs of a status, the oldest first; with `dryRun` only counts them. */
  async bulk(what: "requeue" | "kill", options: BulkOptions): Promise<BulkResult> {
    const { space, signal, ...body } = options;
    return this.#http.call("POST", path`/spaces/${await this.#emit.spaceId(space)}/jobs/${what}`, { body, signal });
  }

  /**
   * What happens to a job, as it happens. Begins with `init` (or after `since`), goes on over lost connections without
   * a hole or a double, says `gap` where the server no longer keeps what came between, and ends when the job does.
   */
  watch(id: string, options: WatchOptions = {}): AsyncGenerator<JobMessage, void, void> {
    return watchJob(this.#http, id, options);
  }

  /** The job's result, once it has completed; throws `JobEndedError` if it dies or is killed. Needs `jobs:read`. */
  async wait<R = any>(id: string, options: { signal?: AbortSignal } = {}): Promise<R> {
    for (;;) {
      // A server that restarts is waited for; whoever wants an end to that has a signal.
      const call = { query: { waitSeconds: 30 }, retries: Infinity, signal: options.signal };
      const job = await this.#http.call<Job>("GET", path`/jobs/${id}`, call);
      if (job.status === "completed") return job.result as R;
      if (isEnd(job.status)) throw new JobEndedError(job);
    }
  }
}

const keyed = <P>(job: NewJob<P>): NewJob<P> => ({ ...job, idempotencyKey: job.idempotencyKey ?? freshKey() });
