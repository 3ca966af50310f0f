// Short words about what was done. Read out, and gone by themselves.
import { useSyncExternalStore } from "react";
import { cx } from "./basics.tsx";

interface Said {
  id: number;
  text: string;
  tone: "good" | "bad";
}

const SHOWN_MS = 6_000;
let said: Said[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: Said[]): void {
  said = next;
  for (const listener of listeners) listener();
}

export function say(text: string, tone: Said["tone"] = "good"): void {
  const id = ++last;
  set([...said.slice(-3), { id, text, tone }]);
  setTimeout(() => set(said.filter((one) => one.id !== id)), SHOWN_MS);
}

export const sayError = (error: unknown): void => say(error instanceof Error ? error.message : String(error), "bad");

export function Toasts() {
  const shown = useSyncExternalStore((listener) => (listeners.add(listener), () => listeners.delete(listener)), () => said);
  return (
    <div aria-live="polite" className="fixed right-4 bottom-4 z-60 flex max-w-[calc(100vw-2rem)] flex-col items-end gap-2">
      {shown.map(({ id, text, tone }) => (
        <div key={id} className={cx("rounded-lg border px-3 py-2 shadow-(--shadow)", tone === "bad" ? "border-bad-mark/40 bg-bad-ground text-bad" : "border-line bg-card")}>{text}</div>
      ))}
    </div>
  );
}
