// A watcher is a cursor: it knows the last number it has seen, and comes back with it whenever a connection is lost. What
// comes twice is dropped, what cannot be had any more is said as `gap`.
import { EmitError } from "../errors.ts";
import { type Http, path, seqOf } from "../http.ts";
import { backoff, pause, within } from "../pause.ts";
import { isEnd, type JobMessage, type SpaceMessage } from "../types.ts";
import { ANSWER_MS, connect } from "./stream.ts";

/** Where a watcher stands. `behind`: events that have happened and not arrived yet. */
export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "catching-up"; behind: number }
  | { state: "reconnecting"; tries: number }
  | { state: "ended" };

export interface WatchOptions {
  /** Everything after this number is wanted, then what comes. */
  since?: number | undefined;
  /** Ends the watching, quietly. */
  signal?: AbortSignal;
  /** Told whenever the connection's state changes. */
  onConnection?: (connection: Connection) => void;
  /** Job streams: stay for what comes within 30 s of the end, such as callbacks or a requeue. */
  late?: boolean;
}

interface Watching {
  path: string;
  /** What answers with the newest number there is. */
  newest: string;
  quietMs: number;
  gone: string;
  query?: Record<string, string>;
  /** Every number is wanted: one knows where to begin, and how far behind one is. */
  whole: boolean;
  /** Whether it is the last, if it comes live. */
  ends: (message: JobMessage) => boolean;
}

/** Silence after which a server is asked for: a space's watchers are few, a job's may be thousands. */
const SPACE_QUIET_MS = 10_000;
const JOB_QUIET_MS = 30_000;

export function watchJob(http: Http, id: string, options: WatchOptions): AsyncGenerator<JobMessage, void, void> {
  const ends = (message: JobMessage) => !options.late && isEnd(message.type);
  const asked = { path: path`/realtime/${id}`, newest: path`/jobs/${id}/progress`, quietMs: JOB_QUIET_MS, gone: "job_not_found", whole: false, ends };
  return watch(http, asked, options);
}

export function watchSpace(
  http: Http, id: string, options: WatchOptions & { collapse?: "progress" },
): AsyncGenerator<SpaceMessage, void, void> {
  const query: Record<string, string> = options.collapse ? { collapse: options.collapse } : {};
  const asked = {
    path: path`/realtime/spaces/${id}`, newest: path`/spaces/${id}/counts`, quietMs: SPACE_QUIET_MS, gone: "space_not_found", query, whole: true,
    ends: () => false,
  };
  return watch(http, asked, options) as AsyncGenerator<SpaceMessage, void, void>;
}

async function* watch(http: Http, asked: Watching, options: WatchOptions): AsyncGenerator<JobMessage, void, void> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const told = (connection: Connection) => options.onConnection?.(connection);
  let last = options.since;
  let newest = 0;
  let behind = 0;
  let tries = 0;

  const where = () => {
    behind = asked.whole ? Math.max(0, newest - (last ?? newest)) : 0;
    told(behind > 0 ? { state: "catching-up", behind } : { state: "live" });
  };
  const opened = () => {
    tries = 0;
    where();
  };
  const ask = async () => {
    try {
      return await http.answer("GET", asked.newest, { signal: within(ANSWER_MS, signal), repeat: "never" });
    } catch (error) {
      if (signal.aborted || error instanceof EmitError) throw error;
      throw new EmitError("connection", 0, "nobody answers", { cause: error });
    }
  };

  told({ state: "connecting" });
  try {
    for (;;) {
      let wait: number | undefined;
      try {
        // Before the stream: one that breaks off before its first event is resumed from here.
        if (asked.whole || last !== undefined) newest = seqOf((await ask()).headers);
        if (asked.whole) last ??= newest;
        const query = { ...asked.query, ...(last !== undefined && { since: String(last) }) };
        const stream = connect(http, { path: asked.path, query, signal, opened, alive: ask, quietMs: asked.quietMs });
        let next = await stream.next();
        try {
          for (; !next.done; next = await stream.next()) {
            const message = JSON.parse(next.value) as JobMessage;
            const fresh = after(last, message);
            if (fresh === undefined) continue;
            last = fresh;
            const gap = message.type === "gap";
            if (gap) newest = message.data.newest;
            if (gap || behind > 0) where();
            yield message;
            // After an end that is replayed a requeue may come; else the server closes.
            if (asked.ends(message) && last > newest) return;
          }
        } finally {
          if (!next.done) await stream.return({ code: 1000, reason: "" });
        }
        if (signal.aborted || next.value.code === 1000) return;
        if (next.value.code === 4401) throw new EmitError("invalid_key", 401, "the key was revoked or has expired");
        if (next.value.code === 4404) throw new EmitError(asked.gone, 404, "what was watched is gone");
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof EmitError) || !(error.refused || error.ambiguous)) throw error;
        wait = error.retryAfter;
      }
      told({ state: "reconnecting", tries: ++tries });
      await pause(backoff(tries - 1, wait), signal).catch(() => {});
      if (signal.aborted) return;
    }
  } finally {
    stop.abort();
    told({ state: "ended" });
  }
}

/** Where the cursor stands after this message; nothing if it has been seen before. */
function after(last: number | undefined, message: JobMessage): number | undefined {
  if (message.type === "init") return last === undefined || message.seq >= last ? message.seq : undefined;
  // Lower or higher: what follows begins there. The same once more is a double.
  if (message.type === "gap") return message.seq === last ? undefined : message.seq;
  return last === undefined || message.seq > last ? message.seq : undefined;
}
