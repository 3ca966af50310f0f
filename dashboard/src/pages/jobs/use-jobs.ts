// The jobs of a search: page after page by cursor, and what the stream says of those that are loaded.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { useEffect, useMemo, useReducer, useRef } from "react";
import { emit, queries } from "../../api.ts";
import { useLive } from "../../live/live.tsx";
import { type Changes, Follower, type View } from "./follower.ts";
import { type Row, rowOf } from "./row.ts";

const PAGE = 100;
/** Pages without a hit that are looked through before somebody is asked whether to go on: 10,000 jobs each. */
const EMPTY_PAGES_MAX = 5;
/** How long a list that was left is kept for whoever comes back to it. */
const KEPT_MS = 300_000;

export interface Page {
  rows: Row[];
  /** The rows hold all events up to this one. */
  seq: number;
  cursor: string | undefined;
}

const NONE: Page[] = [];

export function useJobs(space: string, q: string) {
  // Going back finds the list as it was left; going there anew finds a new one.
  const visit = useLocation({ select: (location) => location.state.__TSR_key });
  const queryKey = useMemo(() => ["jobs", space, q, visit], [space, q, visit]);
  const list = useInfiniteQuery({
    queryKey,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }): Promise<Page> => {
      let cursor = pageParam;
      let seq: number | undefined;
      for (let pages = 1; ; pages++) {
        const page = await emit().jobs.list({ space, q, limit: PAGE, cursor, signal });
        cursor = page.cursor;
        seq ??= page.seq;
        if (page.jobs.length > 0 || cursor === undefined || pages === EMPTY_PAGES_MAX) return { rows: page.jobs.map(rowOf), seq, cursor };
      }
    },
    getNextPageParam: (page) => page.cursor,
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: KEPT_MS,
    structuralSharing: false,
  });
  const pages = list.data?.pages ?? NONE;
  const rows = useMemo(() => pages.flatMap((page) => page.rows), [pages]);
  const view = useRef<View>({ from: 0, to: 0 });
  const changes = useFollower(q, visit, pages, rows, view);
  /** The first page, read anew; what was shown stays until it is there. */
  const refresh = async () => {
    queries.setQueryData<typeof list.data>(queryKey, (old) => old && { pages: old.pages.slice(0, 1), pageParams: old.pageParams.slice(0, 1) });
    await list.refetch();
  };
  return { list, rows, view, changes, refresh, visit };
}

function useFollower(q: string, visit: string | undefined, pages: Page[], rows: Row[], view: { current: View }): Changes {
  const live = useLive();
  const [, paint] = useReducer((value: number) => value + 1, 0);
  const follower = useRef<Follower>(undefined);
  useEffect(() => {
    if (!live) return;
    const made = new Follower(live, q, view, paint);
    follower.current = made;
    return () => made.end();
  }, [live, q, visit, view]);
  useEffect(() => follower.current?.show(pages, rows), [live, q, visit, view, pages, rows]);
  return follower.current?.changes() ?? { came: 0, missed: false };
}
