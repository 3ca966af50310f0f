// Many things in one call, of which one may be such that the server cannot read the call.
import type { EmitError } from "../errors.ts";

/**
 * Delivers in halves what was refused for its content: in the end only what is wrong is refused, and nothing beside it.
 * `false`: the error is not of that kind, or there is nothing to divide.
 */
export async function inHalves<T>(items: T[], error: unknown, deliver: (half: T[]) => Promise<void>): Promise<boolean> {
  if (items.length < 2 || !(error as EmitError).unreadable) return false;
  const middle = items.length >> 1;
  await deliver(items.slice(0, middle));
  await deliver(items.slice(middle));
  return true;
}
