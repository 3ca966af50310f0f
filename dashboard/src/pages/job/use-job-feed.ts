// One job as it is now and as it has been: read once, then followed over its own stream, over reloads of the server.
import { type Connection, isEnd, type Job, type JobEvent } from "emit-client";
import { useEffect, useReducer, useRef, useState } from "react";
import { emit, jobOf, queries } from "../../api.ts";

/** Events that are kept in the page. */
const EVENTS_MAX = 2_000;

export interface JobFeed {
  events: JobEvent[];
  connection: Connection;
  error: Error | undefined;
}

/** Types after which the job itself is read again: they change more than status and progress. */
const READ_AGAIN = new Set(["delivered", "acked", "released", "checkpoint", "completed", "retried", "dead", "killed", "requeued", "updated", "erased", "delivery_timeout", "enqueued"]);

export function useJobFeed(job: Job | undefined): JobFeed {
  const feed = useRef<JobFeed>({ events: [], connection: { state: "connecting" }, error: undefined });
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
    feed.current = { events: begin.current?.events ?? [], connection: { state: "connecting" }, error: undefined };
    let painting = false;
    const changed = () => {
      if (painting) return;
      painting = true;
      requestAnimationFrame(() => {
        painting = false;
        paint();
      });
    };
    const onConnection = (connection: Connection) => {
      feed.current = { ...feed.current, connection };
      changed();
    };
    (async () => {
      const since = feed.current.events.at(-1)?.seq ?? 0;
      // Beyond its end, for callbacks and a requeue.
      for await (const message of emit().jobs.watch(id, { since, late: true, signal: stop.signal, onConnection })) {
        if (message.type === "init" || message.type === "gap") continue;
        feed.current = { ...feed.current, events: [...feed.current.events.slice(-EVENTS_MAX), message] };
        queries.setQueryData(jobOf(id).queryKey, (old) => old && {
          ...old, status: message.status, seq: message.seq, updatedAt: message.timestamp, ...(message.type === "progress" && { progress: message.data }),
        });
        if (READ_AGAIN.has(message.type)) void queries.invalidateQueries({ queryKey: jobOf(id).queryKey });
        changed();
      }
    })().catch((error: Error) => {
      if (stop.signal.aborted) return;
      feed.current = { ...feed.current, error };
      changed();
    });
    return () => stop.abort();
  }, [id, round]);
  return feed.current;
}
