// The stream of the space that is open, for whoever is below.
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { useSession } from "../session.ts";
import { cx } from "../ui/basics.tsx";
import { count } from "../lib/format.ts";
import { SpaceLive } from "./space-live.ts";

const Context = createContext<SpaceLive | undefined>(undefined);

export function LiveProvider({ space, children }: { space: string | undefined; children: ReactNode }) {
  const { emit } = useSession();
  const [live, setLive] = useState<SpaceLive>();
  useEffect(() => {
    if (!space) return;
    const opened = new SpaceLive(emit, space);
    setLive(opened);
    return () => opened.close();
  }, [emit, space]);
  return <Context.Provider value={live?.space === space ? live : undefined}>{children}</Context.Provider>;
}

export const useLive = (): SpaceLive | undefined => useContext(Context);

const nothing = () => () => {};

export function useConnectionState() {
  const live = useLive();
  return useSyncExternalStore(live?.subscribe ?? nothing, () => live?.connection.state);
}

/** Where the stream stands, in words: always to be seen. */
export function ConnectionSign() {
  const live = useLive();
  const words = useSyncExternalStore(live?.subscribe ?? nothing, () => said(live));
  const tone = words === "live" ? "bg-good-mark" : words.startsWith("catching") ? "bg-accent" : words === "connecting" ? "bg-calm-mark" : "bg-warn-mark";
  return (
    <span role="status" aria-live="polite" className="inline-flex items-center gap-1.5 whitespace-nowrap text-soft" data-connection={words}>
      <span aria-hidden className={cx("size-2 rounded-full", tone, words !== "live" && "animate-[breathe_1.2s_ease-in-out_infinite]")} />
      {words}
    </span>
  );
}

function said(live: SpaceLive | undefined): string {
  if (!live) return "connecting";
  if (live.error) return live.error.message;
  const { connection } = live;
  if (connection.state === "catching-up") return `catching up: ${count(connection.behind)} behind`;
  return connection.state;
}
