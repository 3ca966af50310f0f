// Who is signed in. The key stays in memory and, if asked to, in this tab's session storage: never in an address, never
// where another tab or another day finds it.
import { Emit, type Me, type Scope } from "emit-client";
import { useSyncExternalStore } from "react";

const PLACE = "emit.key";

export interface Session {
  emit: Emit;
  me: Me;
}

let session: Session | undefined;
const listeners = new Set<() => void>();

function set(next: Session | undefined): void {
  session = next;
  for (const listener of listeners) listener();
}

/** Signs in with a key; throws what the server says of a wrong one. */
export async function signIn(token: string, remember: boolean): Promise<Session> {
  const emit = new Emit({ url: location.origin, token });
  const me = await emit.me();
  if (remember) sessionStorage.setItem(PLACE, token);
  set({ emit, me });
  return session!;
}

export function signOut(): void {
  sessionStorage.removeItem(PLACE);
  set(undefined);
}

/** The session of this tab, if a reload interrupted one. */
export async function resume(): Promise<void> {
  const token = sessionStorage.getItem(PLACE);
  if (token) await signIn(token, true).catch(() => sessionStorage.removeItem(PLACE));
}

export const currentSession = (): Session | undefined => session;

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useMaybeSession = (): Session | undefined => useSyncExternalStore(subscribe, currentSession);

export function useSession(): Session {
  const found = useMaybeSession();
  if (!found) throw new Error("nobody is signed in");
  return found;
}

const CONTAINS: Partial<Record<Scope, Scope[]>> = {
  "jobs:read:space": ["jobs:read"],
  "jobs:read": ["jobs:read:progress"],
};

/** Whether a key with these scopes may do what needs that one. */
export function may(scopes: Scope[], needed: Scope): boolean {
  if (scopes.includes("admin")) return true;
  return scopes.some((scope) => scope === needed || CONTAINS[scope]?.some((inner) => may([inner], needed)))
    || (scopes.includes("jobs:worker") && may(["jobs:read"], needed));
}

/** What the signed-in key may not do is not offered. */
export function useMay(): (needed: Scope) => boolean {
  const { me } = useSession();
  return (needed) => may(me.scopes, needed);
}
