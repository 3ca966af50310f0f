// A value that lives while somebody looks: started with the first who subscribes, stopped and forgotten after the last has
// left. Who comes later begins anew: what was known by then may be wrong, and has a hole behind it.

export interface Source<T> {
  initial: T;
  get: () => T;
  subscribe: (changed: () => void) => () => void;
}

/** Painted at most that often: what comes in between is shown together. */
const FRAME_MS = 16;

export function source<T>(initial: T, start: (set: (change: (old: T) => T) => void, signal: AbortSignal) => void): Source<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  let stop: AbortController | undefined;
  let painting: ReturnType<typeof setTimeout> | undefined;

  // The snapshot changes only together with the news of it: React compares snapshots between paints.
  let shown = initial;
  const paint = () => {
    painting = undefined;
    shown = value;
    for (const listener of listeners) listener();
  };
  return {
    initial,
    get: () => shown,
    subscribe: (changed) => {
      listeners.add(changed);
      if (!stop) {
        stop = new AbortController();
        const { signal } = stop;
        start((change) => {
          if (signal.aborted) return;
          value = change(value);
          painting ??= setTimeout(paint, FRAME_MS);
        }, signal);
      }
      return () => {
        listeners.delete(changed);
        // StrictMode leaves and comes back in one turn: the stream stays open for that.
        setTimeout(() => {
          if (listeners.size > 0) return;
          stop?.abort();
          stop = undefined;
          clearTimeout(painting);
          painting = undefined;
          value = shown = initial;
        });
      };
    },
  };
}

/** One source for each client and id. */
export function shared<Owner extends object, T>(make: (owner: Owner, id: string) => Source<T>) {
  const owners = new WeakMap<Owner, Map<string, Source<T>>>();
  return (owner: Owner, id: string): Source<T> => {
    const known = owners.get(owner) ?? new Map<string, Source<T>>();
    owners.set(owner, known);
    const found = known.get(id) ?? make(owner, id);
    known.set(id, found);
    return found;
  };
}
