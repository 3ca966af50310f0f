// Texts and errors as the server takes them.

/** What JSON or a database cannot hold: U+0000, and half of a character. */
const UNWRITABLE = /[\0\p{Surrogate}]/gu;

/** A text without what cannot be written. */
export const writable = (text: string): string => text.replace(UNWRITABLE, "\ufffd");

/** The first `max` characters of it. */
export const cut = (text: string, max: number): string => writable(text.slice(0, max));

/** What was thrown, in words: handlers throw anything. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message || thrown.name : thrown);
  } catch {
    return "an error that has no text";
  }
}
