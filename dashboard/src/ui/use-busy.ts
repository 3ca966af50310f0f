// An action that is done once at a time, and what went wrong with it.
import { useRef, useState } from "react";

export function useBusy() {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  // The second click of a double click comes before React has painted.
  const running = useRef(false);
  const run = async (act: () => Promise<void>): Promise<void> => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setFault(undefined);
    try {
      await act();
    } catch (error) {
      setFault(error);
    }
    running.current = false;
    setBusy(false);
  };
  return { busy, fault, run };
}
