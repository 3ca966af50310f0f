// What pages ask the server, under which names the answers are kept, and for how long they hold.
import { keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import type { components } from "../../clients/typescript/src/openapi.ts";
import { currentSession } from "./session.ts";

export type Stats = components["schemas"]["Stats"];
export type Failures = components["schemas"]["Failures"];
export type NameStats = Stats["names"][number];

/** The client tries again by itself where that is safe; twice would be long. */
export const queries = new QueryClient({ defaultOptions: { queries: { retry: false, refetchOnWindowFocus: true } } });

export const emit = () => currentSession()!.emit;

/** Numbers that are looked at are asked again so often. */
const LIVE_MS = 2_000;

export const countsOf = (space: string) =>
  queryOptions({
    queryKey: ["counts", space],
    queryFn: async ({ signal }) => (await emit().spaces.counts(space, { signal })).counts,
    refetchInterval: LIVE_MS,
    placeholderData: keepPreviousData,
  });

export const statsOf = (space: string) =>
  queryOptions({
    queryKey: ["stats", space],
    queryFn: ({ signal }) => emit().http.call<Stats>("GET", `/spaces/${space}/stats`, { signal }),
    refetchInterval: LIVE_MS,
  });

export const failuresOf = (space: string) =>
  queryOptions({
    queryKey: ["failures", space],
    queryFn: ({ signal }) => emit().http.call<Failures>("GET", `/spaces/${space}/failures`, { signal }),
    refetchInterval: 10_000,
  });

export const spacesList = () => queryOptions({ queryKey: ["spaces"], queryFn: () => emit().spaces.list(), staleTime: 10_000 });

export const spaceOf = (space: string) => queryOptions({ queryKey: ["space", space], queryFn: () => emit().spaces.get(space) });

export const tokensOf = (space: string) => queryOptions({ queryKey: ["tokens", space], queryFn: () => emit().tokens.list(space) });

export const jobOf = (id: string) =>
  queryOptions({ queryKey: ["job", id], queryFn: ({ signal }) => emit().jobs.get(id, { signal }) });
