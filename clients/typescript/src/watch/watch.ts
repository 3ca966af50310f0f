// A watcher is a cursor: it knows the last number it has seen, and comes back with it whenever a connection is lost. What
// comes twice is dropped, what cannot be had any more is said as `gap`.
import { EmitError } from "../errors.ts";
import { type Http, path, seqOf } from "../http.ts";
import { backoff, pause } from "../pause.ts";
import { type Counts, type Gap, isEnd, type JobEvent, type JobMessage, type SpaceMessage } from "../types.ts";
import { type Ask, connect } from "./stream.ts";

/** Where a watcher stands. `behind`: events that have happened and not arrived yet. */
export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "catching-up"; behind: number }
  | { state: "reconnecting"; tries: number }
  | { state: "ended" };

export interface WatchOptions {
  /** Everything after this number is wanted, then what comes. */
  since?: number;
  /** Ends the watching, quietly. */
  signal?: AbortSignal;
  /** Told whenever the connection's state changes. */
  onConnection?: (connection: Connection) => void;
  /** Job streams: stay for what comes within 30 s of the end, such as callbacks or a requeue. */
  late?: boolean;
}

interface Watching {
  path: string;
  gone: string;
  query?: Record<string, string>;
  /** The newest number there is: asked where a watcher resumes and wants to know how far behind it is. */
  newest?: (signal: AbortSignal) => Promise<number>;
  over: (message: JobMessage) => boolean;
}

export function watchJob(http: Http, id: string, options: WatchOptions): AsyncGenerator<JobMessage, void, void> {
  const over = (message: JobMessage) => !options.late && message.type !== "init" && isEnd(message.type);
  return watch(http, { path: path`/realtime/${id}`, gone: "job_not_found", over }, options);
}

export function watchSpace(
  http: Http, id: string, options: WatchOptions & { collapse?: "progress" },
): AsyncGenerator<SpaceMessage, void, void> {
  const newest = async (signal: AbortSignal) =>
    seqOf((await http.answer<Counts>("GET", path`/spaces/${id}/counts`, { signal })).headers);
  const query: Record<string, string> = options.collapse ? { collapse: options.collapse } : {};
  const asked: Watching = { path: path`/realtime/spaces/${id}`, gone: "space_not_found", query, newest, over: () => false };
  return watch(http, asked, options) as AsyncGenerator<SpaceMessage, void, void>;
}

async function* watch(http: Http, asked: Watching, options: WatchOptions): AsyncGenerator<JobMessage, void, void> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const told = (connection: Connection) => options.onConnection?.(connection);
  let last = options.since;
  let target = 0;
  let tries = 0;

  const opened = () => {
    tries = 0;
    told({ state: "live" });
    if (last === undefined || !asked.newest) return;
    asked.newest(signal).then((seq) => {
      target = seq;
      if (last !== undefined && last < target) told({ state: "catching-up", behind: target - last });
    }, () => {});
  };

  told({ state: "connecting" });
  try {
    for (;;) {
      try {
        const query = { ...asked.query, ...(last !== undefined && { since: String(last) }) };
        const ask: Ask = { path: asked.path, query, signal, opened };
        const stream = connect(http, ask);
        let next = await stream.next();
        try {
          for (; !next.done; next = await stream.next()) {
            const message = JSON.parse(next.value) as JobMessage;
            const fresh = after(last, message);
            if (fresh === undefined) continue;
            last = fresh;
            if (target > 0) {
              told(last < target ? { state: "catching-up", behind: target - last } : { state: "live" });
              if (last >= target) target = 0;
            }
            yield message;
            if (asked.over(message)) return;
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
      }
      told({ state: "reconnecting", tries: ++tries });
      await pause(backoff(tries - 1), signal).catch(() => {});
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
  if (message.type === "gap") return (message as Gap).data.oldest - 1;
  return last === undefined || (message as JobEvent).seq > last ? message.seq : undefined;
}
