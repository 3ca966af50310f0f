// Reports leave in batches: whatever has queued up while the last batch was on its way. Nobody lingers to gather more,
// and nobody pays for what another says.
import { EmitError, errorOfProblem } from "../errors.ts";
import type { Http } from "../http.ts";
import { backoff, pause } from "../pause.ts";
import type { ProblemBody } from "../types.ts";
import { inHalves } from "./halves.ts";

export type ReportKind =
  | "ack" | "release" | "progress" | "checkpoint" | "event" | "logs" | "keepalive" | "complete" | "fail";

/** At most that many reports in a call: the contract's limit. */
const ITEMS_MAX = 1_000;
/** And about that many characters: half of the contract's 16 MiB, as some characters are several bytes. */
const CHARACTERS_MAX = 8_000_000;
/** Twice on disk they would be there twice, so that they are not repeated when it is unknown whether they arrived. */
const ONCE: ReportKind[] = ["event", "logs"];

interface Queued {
  kind: ReportKind;
  text: string;
  done: () => void;
  failed: (error: EmitError) => void;
}

interface ItemAnswer {
  code: number;
  problem?: ProblemBody | null;
}

export class Reporter {
  readonly #http: Http;
  readonly #queue: Queued[] = [];
  #sending = false;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Resolves when the report is on disk. */
  report(jobId: string, deliveryId: string | null, report: ReportKind, body?: unknown): Promise<void> {
    // Made here: what cannot be JSON is the caller's error, and nobody else's in the batch.
    const text = JSON.stringify({ jobId, report, deliveryId, body });
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: report, text, done: resolve, failed: reject });
      if (!this.#sending) void this.#send();
    });
  }

  async #send(): Promise<void> {
    this.#sending = true;
    // What is reported in the same turn goes along.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      let characters = 0;
      const fits = this.#queue.findIndex(({ text }, at) => (characters += text.length) > CHARACTERS_MAX && at > 0);
      await this.#deliver(this.#queue.splice(0, Math.min(ITEMS_MAX, fits < 0 ? this.#queue.length : fits)));
    }
    // In the same turn as the look at the queue: else a report between the two would wait for the next one.
    this.#sending = false;
  }

  async #deliver(batch: Queued[]): Promise<void> {
    let left = batch;
    // A server that restarts is waited for: the delivery's own timeout ends this for every job.
    for (let tries = 0; left.length > 0; tries++) {
      if (tries > 0) await pause(backoff(tries - 1));
      let answers: ItemAnswer[] | undefined;
      try {
        const body = `[${left.map(({ text }) => text).join(",")}]`;
        answers = await this.#http.call("POST", "/jobs/reports", { body });
      } catch (error) {
        if (await inHalves(left, error, (half) => this.#deliver(half))) return;
        left = this.#after(left, error as EmitError, tries);
        continue;
      }
      const again: Queued[] = [];
      left.forEach((queued, at) => {
        const answer = answers?.[at] ?? { code: 500 };
        if (answer.code < 300) return queued.done();
        const error = answer.problem ? errorOfProblem(answer.problem, answer.code) : new EmitError("internal", answer.code, "no answer to this report");
        again.push(...this.#after([queued], error, tries));
      });
      left = again;
    }
  }

  /** Those that are to be sent again; the others learn their fate. */
  #after(batch: Queued[], error: EmitError, tries: number): Queued[] {
    return batch.filter((queued) => {
      const again = tries < 10 && (error.refused || (error.ambiguous && !ONCE.includes(queued.kind)));
      if (!again) queued.failed(error);
      return again;
    });
  }
}
