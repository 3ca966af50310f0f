// Who is signed in. The key stays in memory and, if asked to, in this tab's session storage: never in an address, never
// where another tab or another day finds it. A key is forgotten when it is refused, never because nobody answered.
import { Emit, isEmitError, type Me, type Scope } from "emit-client";
import { useSyncExternalStore } from "react";

const PLACE = "emit.key";
/** How long to wait before a server that did not answer is asked again. */
const AGAIN_MS = 2_000;

export interface Session {
  emit: Emit;
  me: Me;
}

/** `waiting`: a key is there, and the server that knows it has not answered yet; why, once that is known. */
export interface SessionState {
  session?: Session;
  waiting?: { why?: string };
  /** Why a session ended that nobody ended. */
  reason?: string;
}

let state: SessionState = {};
const listeners = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Signs in with a key; throws what the server says of a wrong one. */
export async function signIn(token: string, remember: boolean): Promise<void> {
  // Asked without patience, so that whoever waits is told why.
  const me = await new Emit({ url: location.origin, token, retries: 0 }).me();
  if (remember) sessionStorage.setItem(PLACE, token);
  set({ session: { emit: new Emit({ url: location.origin, token }), me } });
}

export function signOut(reason?: string): void {
  sessionStorage.removeItem(PLACE);
  set(reason === undefined ? {} : { reason });
}

/** Ends the session if that is what an error means. */
export function endIfRefused(error: unknown): void {
  if (state.session && isEmitError(error) && error.status === 401) signOut("This key was revoked or has expired.");
}

/** The session of this tab, if a reload interrupted one; asked for until somebody answers. */
export async function resume(): Promise<void> {
  const token = sessionStorage.getItem(PLACE);
  if (!token) return;
  set({ waiting: {} });
  while (state.waiting) {
    try {
      await signIn(token, true);
    } catch (error) {
      if (isEmitError(error) && error.status === 401) return signOut("The key of this tab is unknown, revoked or expired.");
      if (state.waiting) set({ waiting: { why: (error as Error).message } });
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

export const currentSession = (): Session | undefined => state.session;

export const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useSessionState = (): SessionState => useSyncExternalStore(subscribe, () => state);

export function useSession(): Session {
  const { session } = useSessionState();
  if (!session) throw new Error("nobody is signed in");
  return session;
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
