// Hooks. What they show is kept outside React and shared by all who show the same, so that StrictMode's double mounting
// and ten components cost one stream; on a server they render what is known without one: nothing.
import { createContext, createElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";
import { Emit } from "./emit.ts";
import type { EmitOptions } from "./http.ts";
import { jobHistorySource, jobSource, type JobState } from "./react/job-source.ts";
import { spaceSource, type SpaceState } from "./react/space-source.ts";

export type { JobState, SpaceState };

const Context = createContext<Emit | undefined>(undefined);

/** Gives a client to the hooks below it: one that is there, or one made from the options. */
export function EmitProvider(props: { children?: ReactNode; client?: Emit } & Partial<EmitOptions>): ReactNode {
  const { client, children, url, token, space } = props;
  const value = useMemo(() => client ?? new Emit({ url: url ?? "", token, space }), [client, url, token, space]);
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
  const source = useMemo(() => (history ? jobHistorySource : jobSource)(emit, id), [emit, id, history]);
  return useSyncExternalStore(source.subscribe, source.get, source.get);
}

/** A space's newest events (the latest 100, newest last) and the state of the connection. */
export function useSpace(id: string): SpaceState {
  const emit = useEmit();
  const source = useMemo(() => spaceSource(emit, id), [emit, id]);
  return useSyncExternalStore(source.subscribe, source.get, source.get);
}
