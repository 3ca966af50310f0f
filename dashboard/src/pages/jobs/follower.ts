// Keeps the loaded rows as the stream says they are, and counts what has come to the search since. Rows of which the
// stream does not say all, or no longer does, are read again, those in view first.
import type { JobEvent } from "emit-client";
import { emit } from "../../api.ts";
import type { SpaceLive } from "../../live/space-live.ts";
import { statusesOf } from "../../lib/query-language.ts";
import { endIfRefused } from "../../session.ts";
import { happen, type Row, rowOf } from "./row.ts";
import type { Page } from "./use-jobs.ts";

/** The rows on the screen, by their places. */
export interface View {
  from: number;
  to: number;
}

export interface Changes {
  /** Jobs that were created, or came into a status that is searched for, since the list was read. */
  came: number;
  /** There may be more of them: the stream was left behind. */
  missed: boolean;
}

/** Rows of one reading. */
const READ = 100;
/** Between readings, and after one that failed. */
const PAUSE_MS = 500;
const AGAIN_MS = 3_000;
/** More are not told apart. */
const CAME_MAX = 10_000;
/** Events that bring a job into a status. */
const MOVES = new Set<JobEvent["type"]>(["created", "enqueued", "delivered", "acked", "delivery_timeout", "released", "retried", "requeued", "completed", "dead", "killed"]);

export class Follower {
  readonly #live: SpaceLive;
  readonly #space: string;
  readonly #view: { readonly current: View };
  readonly #onChange: () => void;
  readonly #wanted: ReadonlySet<string> | undefined;
  #rows: Row[] = [];
  #byId = new Map<string, Row>();
  readonly #shown = new WeakSet<Page>();
  /** The stream up to here is in the rows. */
  #cursor: number | undefined;
  #gaps: number;
  #created = 0;
  readonly #came = new Set<string>();
  #missed = false;
  readonly #old = new Set<Row>();
  #reading = false;
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;

  constructor(live: SpaceLive, q: string, view: { readonly current: View }, onChange: () => void) {
    this.#live = live;
    this.#space = live.space;
    this.#view = view;
    this.#onChange = onChange;
    this.#wanted = statusesOf(q)?.statuses;
    this.#gaps = live.gaps;
    this.#unsubscribe = live.subscribe(() => this.#cursor !== undefined && this.#follow(this.#cursor));
  }

  end(): void {
    this.#stop.abort();
    this.#unsubscribe();
  }

  changes(): Changes {
    return { came: this.#wanted ? this.#came.size : this.#created, missed: this.#missed };
  }

  /** What is loaded now. A page begins where it was read; the stream may be far ahead, or behind. */
  show(pages: Page[], rows: Row[]): void {
    const fresh = pages.filter((page) => !this.#shown.has(page));
    this.#rows = rows;
    this.#byId = new Map(rows.map((row) => [row.id, row]));
    for (const page of fresh) this.#shown.add(page);
    for (const { id } of rows) this.#came.delete(id);
    if (fresh.length === 0) return;
    if (fresh[0] === pages[0]) {
      this.#cursor = pages[0]!.seq;
      this.#created = 0;
      this.#came.clear();
      this.#missed = false;
    }
    this.#follow(Math.min(...fresh.map(({ seq }) => seq)));
  }

  #follow(from: number): void {
    if (!this.#live.begun) return;
    const events = this.#live.gaps === this.#gaps ? this.#live.after(from) : undefined;
    this.#gaps = this.#live.gaps;
    if (!events) {
      this.#cursor = this.#live.newest;
      this.#missed = true;
      for (const row of this.#rows) this.#old.add(row);
    }
    for (const event of events ?? []) {
      const row = this.#byId.get(event.jobId);
      if (row) happen(row, event) && this.#old.add(row);
      else if (event.seq > this.#cursor!) this.#elsewhere(event);
    }
    this.#cursor = Math.max(this.#cursor!, events?.at(-1)?.seq ?? 0);
    void this.#readAgain();
    if (!events || events.length > 0) this.#onChange();
  }

  #elsewhere({ jobId, type, status }: JobEvent): void {
    if (!this.#wanted) this.#created += type === "created" ? 1 : 0;
    else if (!this.#wanted.has(status)) this.#came.delete(jobId);
    else if (MOVES.has(type) && this.#came.size < CAME_MAX) this.#came.add(jobId);
  }

  async #readAgain(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    const { signal } = this.#stop;
    while (this.#old.size > 0 && !signal.aborted) {
      const seen = this.#rows.slice(this.#view.current.from, this.#view.current.to + 1).filter((row) => this.#old.has(row));
      const some = [...new Set([...seen, ...this.#old])].slice(0, READ);
      for (const row of some) this.#old.delete(row);
      let wait = PAUSE_MS;
      try {
        const { jobs, seq } = await emit().jobs.list({ space: this.#space, ids: some.map(({ id }) => id), limit: READ, signal });
        const found = new Map(jobs.map((job) => [job.id, rowOf(job)]));
        for (const row of some) Object.assign(row, found.get(row.id) ?? { gone: true });
        this.#onChange();
        this.#follow(seq);
      } catch (error) {
        endIfRefused(error);
        for (const row of some) this.#old.add(row);
        wait = AGAIN_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
    this.#reading = false;
  }
}
