// The jobs of a search: page after page by cursor, and what the stream says of those that are loaded.
import { useInfiniteQuery } from "@tanstack/react-query";
import type { Job, JobStatus } from "emit-client";
import { useEffect, useRef, useState } from "react";
import { emit, queries } from "../../api.ts";
import { percentOf } from "../../lib/progress.ts";
import { useLive } from "../../live/live.tsx";

/** What a row shows: a million rows' payloads would not fit into a tab. */
export interface Row {
  id: string;
  name: string;
  status: JobStatus;
  attempt: number;
  maxRetries: number;
  percent: number | undefined;
  workerId: string | null;
  createdAt: string;
  updatedAt: string;
  tags: Record<string, string> | null;
}

const PAGE = 100;
/** Pages without a hit that are looked through before somebody is asked whether to go on: 10,000 jobs each. */
const EMPTY_PAGES_MAX = 5;

const row = (job: Job): Row => ({
  id: job.id, name: job.name, status: job.status, attempt: job.attemptNumber, maxRetries: job.maxRetries, percent: percentOf(job.progress),
  workerId: job.workerId, createdAt: job.createdAt, updatedAt: job.updatedAt, tags: job.tags,
});

export const jobsKey = (space: string, q: string) => ["jobs", space, q];

export function useJobs(space: string, q: string) {
  const list = useInfiniteQuery({
    queryKey: jobsKey(space, q),
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      let cursor = pageParam;
      for (let pages = 1; ; pages++) {
        const page = await emit().jobs.list({ space, q, limit: PAGE, cursor, signal });
        cursor = page.cursor;
        if (page.jobs.length > 0 || cursor === undefined || pages === EMPTY_PAGES_MAX) return { rows: page.jobs.map(row), cursor };
      }
    },
    getNextPageParam: (page) => page.cursor,
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const rows = list.data?.pages.flatMap((page) => page.rows) ?? [];
  const arrived = useLiveRows(space, q, rows);
  return { list, rows, ...arrived };
}

/** Follows the loaded rows; counts what was created since, and shows it when it is asked for. */
function useLiveRows(space: string, q: string, rows: Row[]) {
  const live = useLive();
  const [changed, setChanged] = useState(0);
  const [created, setCreated] = useState(0);
  const byId = useRef(new Map<string, Row>());
  byId.current = new Map(rows.map((row) => [row.id, row]));
  useEffect(() => {
    setCreated(0);
    if (!live) return;
    return live.subscribe(() => {
      let touched = false;
      let fresh = 0;
      for (const event of live.fresh) {
        if (event.seq <= live.begin) continue;
        if (event.type === "created") fresh++;
        const row = byId.current.get(event.jobId);
        if (!row) continue;
        touched = true;
        row.status = event.status;
        row.updatedAt = event.timestamp;
        if (event.type === "progress") row.percent = percentOf(event.data);
        if (event.type === "retried") row.attempt = event.data?.attemptNumber ?? row.attempt + 1;
        if (event.type === "requeued") (row.attempt = 0, row.percent = undefined);
      }
      if (touched) setChanged((value) => value + 1);
      if (fresh) setCreated((value) => value + fresh);
    });
  }, [live, space, q]);
  const refresh = () => {
    setCreated(0);
    return queries.resetQueries({ queryKey: jobsKey(space, q) });
  };
  return { changed, created, refresh };
}
