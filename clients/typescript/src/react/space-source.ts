// A space's newest events.
import type { Emit } from "../emit.ts";
import type { JobEvent } from "../types.ts";
import type { Connection } from "../watch/watch.ts";
import { shared, source } from "./source.ts";

export interface SpaceState {
  /** The latest 100, newest last. */
  events: JobEvent[];
  connection: Connection;
  /** Something was missed that cannot be had any more. */
  gap: boolean;
  error: Error | undefined;
}

/** A list longer than that is no list but a log: watch the space yourself. */
const KEPT = 100;

export const spaceSource = shared((emit: Emit, id: string) =>
  source<SpaceState>({ events: [], connection: { state: "connecting" }, gap: false, error: undefined }, (set, signal) => {
    const onConnection = (connection: Connection) => set((old) => ({ ...old, connection }));
    (async () => {
      for await (const message of emit.spaces.watch(id, { signal, onConnection })) {
        set((old) => (message.type === "gap" ? { ...old, gap: true } : { ...old, events: [...old.events.slice(1 - KEPT), message] }));
      }
    })().catch((error: Error) => signal.aborted || set((old) => ({ ...old, error, connection: { state: "ended" } })));
  }),
);
