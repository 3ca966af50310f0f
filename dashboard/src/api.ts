// What pages ask the server, under which names the answers are kept, and for how long they hold.
import { keepPreviousData, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { isEmitError, type Job, type JobEvent, type Stats } from "emit-client";
import { freshKey, isToken, path } from "../../clients/typescript/src/http.ts";
import { members } from "./lib/raw-json.ts";
import { currentSession, endIfRefused, subscribe } from "./session.ts";

export { freshKey, isToken, path };
export type NameStats = Stats["names"][number];

/** What nobody answered is asked again so often. */
const AGAIN_MS = 3_000;
const unanswered = (error: unknown) => isEmitError(error) && (error.ambiguous || error.refused);

/** The client tries again by itself where that is safe; twice would be long. */
export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: endIfRefused }),
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: true, refetchInterval: ({ state }) => (unanswered(state.error) ? AGAIN_MS : false) } },
});

// Nothing that one key has read is shown to the next.
subscribe(() => currentSession() || queries.clear());

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
    queryFn: ({ signal }) => emit().spaces.stats(space, { signal }),
    refetchInterval: LIVE_MS,
  });

export const failuresOf = (space: string) =>
  queryOptions({
    queryKey: ["failures", space],
    queryFn: ({ signal }) => emit().spaces.failures(space, { signal }),
    refetchInterval: 10_000,
  });

export const spacesList = () => queryOptions({ queryKey: ["spaces"], queryFn: () => emit().spaces.list(), staleTime: 10_000 });

export const spaceOf = (space: string) => queryOptions({ queryKey: ["space", space], queryFn: () => emit().spaces.get(space) });

export const tokensOf = (space: string) => queryOptions({ queryKey: ["tokens", space], queryFn: () => emit().tokens.list(space) });

/** A job, and the text of what its creator and its worker wrote: of numbers and names JavaScript keeps less than that. */
export interface ReadJob extends Job {
  raw: Partial<Record<"payload" | "result" | "checkpoint" | "progress", string>>;
}

export const jobOf = (id: string) =>
  queryOptions({
    queryKey: ["job", id],
    queryFn: async ({ signal }): Promise<ReadJob> => {
      const text = await (await emit().http.open("GET", path`/jobs/${id}`, { signal })).text();
      const { payload, result, checkpoint, progress } = Object.fromEntries(members(text));
      return { ...(JSON.parse(text) as Job), raw: { payload, result, checkpoint, progress } };
    },
  });

/** The text of what an event carried. It never changes, but for an erasure. */
export const eventDataOf = ({ jobId, seq }: JobEvent) =>
  queryOptions({
    queryKey: ["event", jobId, seq],
    queryFn: async ({ signal }) => {
      const answer = await emit().http.open("GET", path`/jobs/${jobId}/events`, { query: { after: seq - 1, limit: 1 }, signal });
      const [[, event] = ["", "{}"]] = members(await answer.text());
      return Object.fromEntries(members(event)).data ?? "null";
    },
    gcTime: 0,
  });
