// Hooks. What they show is kept outside React and shared by all who show the same, so that StrictMode's double mounting
// and ten components cost one stream; on a server they render what is known without one: nothing.
import { createContext, createElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";
import { Emit } from "./emit.ts";
import type { EmitOptions } from "./http.ts";
import { jobHistorySource, jobSource, type JobState } from "./react/job-source.ts";
import type { Source } from "./react/source.ts";
import { spaceSource, type SpaceState } from "./react/space-source.ts";

export type { JobState, SpaceState };

const Context = createContext<Emit | undefined>(undefined);

/** Gives a client to the hooks below it: one that is there, or one made from the options. */
export function EmitProvider(props: { children?: ReactNode; client?: Emit } & Partial<Omit<EmitOptions, "fetch">>): ReactNode {
  const { client, children, url = "", token, space, retries } = props;
  const value = useMemo(() => client ?? new Emit({ url, token, space, retries }), [client, url, token, space, retries]);
  return createElement(Context.Provider, { value }, children);
}

export function useEmit(): Emit {
  const emit = useContext(Context);
  if (!emit) throw new Error("there is no EmitProvider above this component");
  return emit;
}

/**
 * A job as it is now: status, latest progress and whether the connection is live. A public token is enough.
 * `history`: `events` begins with the job's first, and not with what comes.
 */
export function useJob<Progress = any>(id: string, { history = false } = {}): JobState<Progress> {
  const emit = useEmit();
  return useSource(useMemo(() => (history ? jobHistorySource : jobSource)(emit, id), [emit, id, history]));
}

/** A space's newest events (the latest 100, newest last) and the state of the connection. */
export function useSpace(id: string): SpaceState {
  const emit = useEmit();
  return useSource(useMemo(() => spaceSource(emit, id), [emit, id]));
}

/** A page that comes from a server begins with what the server could show, whatever is known here by then. */
function useSource<T>({ subscribe, get, initial }: Source<T>): T {
  return useSyncExternalStore(subscribe, get, () => initial);
}
