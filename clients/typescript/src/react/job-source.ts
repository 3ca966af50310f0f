// One job, from its latest progress and its stream.
import type { Emit } from "../emit.ts";
import { path, seqOf } from "../http.ts";
import { isEnd, type JobEvent, type JobMessage, type JobStatus, type Progress } from "../types.ts";
import type { Connection } from "../watch/watch.ts";
import { shared, source } from "./source.ts";

export interface JobState<Progress = any> {
  /** Unknown until the first message. */
  status: JobStatus | undefined;
  name: string | undefined;
  /** The latest `progress` event's data. */
  progress: Progress | undefined;
  /** What it completed with, where the key may see it. */
  result: any;
  /** Why it died, where the key may see it. */
  reason: string | undefined;
  /** The latest 100 events that were seen, newest last. */
  events: JobEvent[];
  connection: Connection;
  /** Why watching ended early, such as a key that was revoked. */
  error: Error | undefined;
}

const START: JobState = {
  status: undefined, name: undefined, progress: undefined, result: undefined, reason: undefined, events: [],
  connection: { state: "connecting" }, error: undefined,
};

const KEPT = 100;

/** `history`: its events from the first on, not only those that come. */
const follow = (history: boolean) => shared((emit: Emit, id: string) =>
  source<JobState>(START, (set, signal) => {
    const merge = (more: Partial<JobState>) => set((old) => ({ ...old, ...more }));
    (async () => {
      // A stream's `init` carries no data: progress that was made before comes from here, and the stream goes on where
      // this answer ends. A job that has ended shows its end without being asked since when.
      const call = { signal, retries: Infinity };
      const { value: known, headers } = await emit.http.answer<Progress>("GET", path`/jobs/${id}/progress`, call);
      merge({ status: known.status, name: known.jobName, progress: known.data ?? undefined });
      let seq = seqOf(headers);
      const since = history ? 0 : isEnd(known.status) ? undefined : seq;
      const onConnection = (connection: Connection) => merge({ connection });
      for await (const message of emit.jobs.watch(id, { since, signal, onConnection })) {
        // A restored backup: numbers begin anew, and what was known is no more.
        if (message.type === "gap" && message.data.reason === "ahead") seq = message.seq;
        set((old) => next(old, message, seq));
      }
    })().catch((error: Error) => signal.aborted || merge({ error, connection: { state: "ended" } }));
  }),
);

export const jobSource = follow(false);
export const jobHistorySource = follow(true);

/** `known`: up to there the state shows what came of it already, all but a result or a reason. */
function next(old: JobState, message: JobMessage, known: number): JobState {
  if (message.type === "gap") return old;
  const fresh = message.seq > known;
  const state = fresh ? { ...old, status: message.status, name: message.jobName } : { ...old };
  if (message.type === "init") return state;
  state.events = [...old.events.slice(1 - KEPT), message];
  if (message.type === "progress" && fresh) state.progress = message.data;
  if (message.type === "requeued") Object.assign(state, { result: undefined, reason: undefined }, fresh && { progress: undefined });
  if (message.type === "completed") state.result = message.data;
  if (message.type === "dead" || message.type === "killed") state.reason = message.data?.error ?? message.data?.reason;
  return state;
}
