// Names the page in its tab, in the history and to screen readers.
import { useEffect } from "react";

export function useTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · Emit`;
  }, [title]);
}
