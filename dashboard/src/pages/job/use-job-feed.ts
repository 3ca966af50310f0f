// One job as it is now and as it has been: read once, then followed over its own stream, over reloads of the server.
import { type Connection, isEnd, type JobEvent } from "emit-client";
import { useEffect, useReducer, useRef, useState } from "react";
import { emit, jobOf, queries, type ReadJob } from "../../api.ts";
import { mayHaveLost } from "../../lib/raw-json.ts";
import { eventsBefore } from "./history.ts";

/** Events that are kept in the page, the newest. */
const EVENTS_MAX = 5_000;

export interface JobFeed {
  events: JobEvent[];
  /** Those that moved the job, however long ago: what its attempts are told from. */
  steps: JobEvent[];
  /** There are older events than these, or some between, that the page has not read. */
  partial: boolean;
  connection: Connection;
  error: Error | undefined;
}

const START: JobFeed = { events: [], steps: [], partial: false, connection: { state: "connecting" }, error: undefined };

/** What changes no more than status, progress and the log. After all else the job itself is read again. */
const LIGHT = new Set(["progress", "log", "custom"]);
const isStep = ({ type }: JobEvent) => !LIGHT.has(type) && type !== "checkpoint";

export function useJobFeed(job: ReadJob | undefined): JobFeed {
  const feed = useRef(START);
  const [, paint] = useReducer((value: number) => value + 1, 0);
  const id = job?.id;
  // The stream of an ended job is over after 30 s; a job that was requeued later is watched anew.
  const [round, setRound] = useState(0);
  const begun = job !== undefined && !isEnd(job.status);
  const over = feed.current.connection.state === "ended" && !feed.current.error;
  useEffect(() => {
    if (begun && over) setRound((value) => value + 1);
  }, [begun, over]);
  const begin = useRef(job);
  begin.current = job;
  useEffect(() => {
    if (!id) return;
    const stop = new AbortController();
    const recent = begin.current?.events ?? [];
    let painting = false;
    const set = (more: Partial<JobFeed>) => {
      feed.current = { ...feed.current, ...more };
      if (painting) return;
      painting = true;
      requestAnimationFrame(() => {
        painting = false;
        paint();
      });
    };
    const failed = (error: Error) => stop.signal.aborted || set({ error });
    const readAgain = oneAtATime(() => queries.invalidateQueries({ queryKey: jobOf(id).queryKey }));
    set({ ...START, events: recent, steps: recent.filter(isStep) });
    const first = recent[0];
    if (first && first.type !== "created") {
      eventsBefore(id, first.seq, stop.signal).then(({ events: older, whole }) => set({
        events: whole ? [...older, ...feed.current.events].slice(-EVENTS_MAX) : feed.current.events,
        steps: [...older.filter(isStep), ...feed.current.steps],
        partial: !whole || older.length + feed.current.events.length > EVENTS_MAX,
      })).catch(failed);
    }
    (async () => {
      const since = recent.at(-1)?.seq ?? 0;
      // Beyond its end, for callbacks and a requeue.
      const onConnection = (connection: Connection) => set({ connection });
      for await (const message of emit().jobs.watch(id, { since, late: true, signal: stop.signal, onConnection })) {
        if (message.type === "init" || message.type === "gap") continue;
        const { events, steps, partial } = feed.current;
        set({
          events: [...events.slice(1 - EVENTS_MAX), message],
          partial: partial || events.length === EVENTS_MAX,
          ...(isStep(message) && { steps: [...steps, message] }),
        });
        queries.setQueryData(jobOf(id).queryKey, (old) => after(old, message));
        if (!LIGHT.has(message.type) || (message.type === "progress" && mayHaveLost(message.data))) readAgain();
      }
    })().catch(failed);
    return () => stop.abort();
  }, [id, round]);
  return feed.current;
}

/** The job after an event; what was read may know of later ones already. */
function after(job: ReadJob | undefined, event: JobEvent): ReadJob | undefined {
  if (!job || event.seq <= job.seq) return job;
  const progress = event.type === "progress" && { progress: event.data, raw: { ...job.raw, progress: JSON.stringify(event.data) } };
  return { ...job, status: event.status, seq: event.seq, updatedAt: event.timestamp, ...progress };
}

/** One at a time, and once more if it was asked for meanwhile: a reading may be older than what asked for it. */
function oneAtATime(act: () => Promise<void>): () => void {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await act();
    }
    running = false;
  };
}
