// What a row shows: a million rows' payloads would not fit into a tab.
import type { Job, JobEvent, JobStatus } from "emit-client";
import { percentOf } from "../../lib/progress.ts";

export interface Row {
  id: string;
  /** The last event that it holds. */
  seq: number;
  name: string;
  status: JobStatus;
  attempt: number;
  maxRetries: number;
  percent: number | undefined;
  workerId: string | null;
  createdAt: string;
  updatedAt: string;
  tags: Record<string, string> | null;
  /** There is no such job any more. */
  gone?: boolean;
}

export const rowOf = (job: Job): Row => ({
  id: job.id, seq: job.seq, name: job.name, status: job.status, attempt: job.attemptNumber, maxRetries: job.maxRetries, percent: percentOf(job.progress),
  workerId: job.workerId, createdAt: job.createdAt, updatedAt: job.updatedAt, tags: job.tags,
});

/** What an event does not tell of a job, and what has changed with it. */
const MORE = new Set<JobEvent["type"]>(["delivered", "acked", "updated"]);

/** Brings a row up to an event; says whether the job has to be read for the rest. */
export function happen(row: Row, event: JobEvent): boolean {
  if (event.seq <= row.seq) return false;
  row.seq = event.seq;
  row.status = event.status;
  row.updatedAt = event.timestamp;
  if (event.type === "progress") row.percent = percentOf(event.data);
  if (event.type === "retried") row.attempt = event.data?.attemptNumber ?? row.attempt + 1;
  if (event.type === "requeued") (row.attempt = 0, row.percent = undefined);
  if (event.type === "erased") row.gone = true;
  return MORE.has(event.type);
}
