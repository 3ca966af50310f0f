// ⌘K: pages, spaces, a job by its id, and what else one would look for in a menu.
import { Dialog } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useState } from "react";
import { spacesList } from "../api.ts";
import { isId, shortId } from "../lib/ids.ts";
import { signOut, useMay } from "../session.ts";
import { chooseTheme } from "../theme.ts";
import { cx } from "../ui/basics.tsx";

interface Command {
  name: string;
  hint: string;
  run: () => void;
}

const SHOWN_MAX = 60;

export function Palette({ open, onClose, space }: { open: boolean; onClose: () => void; space: string | undefined }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const commands = useCommands(space, text);
  useEffect(() => {
    if (open) setText("");
  }, [open]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = commands.filter(({ name, hint }) => words.every((word) => `${name} ${hint}`.toLowerCase().includes(word))).slice(0, SHOWN_MAX);
  const chosen = Math.min(at, found.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt((chosen + 1) % found.length);
    else if (event.key === "ArrowUp") setAt((chosen - 1 + found.length) % found.length);
    else if (event.key === "Enter") run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Popup className="fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-lg -translate-x-1/2 overflow-hidden rounded-xl border border-line bg-card shadow-(--shadow)">
          <Dialog.Title className="sr-only">Go to</Dialog.Title>
          <input
            ref={focusAtOnce} role="combobox" aria-expanded aria-controls="palette" aria-activedescendant={found[chosen] ? `palette-${chosen}` : undefined} aria-label="Go to"
            placeholder="A page, a space, a job’s id…" value={text} onKeyDown={pressed} autoComplete="off" spellCheck={false}
            onChange={(event) => (setText(event.target.value), setAt(0))}
            className="h-12 w-full border-line border-b bg-transparent px-4 text-base outline-none placeholder:text-soft"
          />
          <ul id="palette" role="listbox" aria-label="Matches" className="max-h-[50vh] overflow-auto p-1.5">
            {found.map((command, index) => (
              <li key={index} id={`palette-${index}`} role="option" aria-selected={index === chosen}
                onPointerMove={() => setAt(index)} onClick={() => run(command)} onKeyDown={() => {}}
                className={cx("flex cursor-pointer items-center justify-between gap-4 rounded-md px-3 py-2", index === chosen && "bg-accent-ground")}>
                <bdi className="truncate" title={command.name}>{command.name}</bdi><span className="shrink-0 text-soft text-xs">{command.hint}</span>
              </li>
            ))}
          </ul>
          {found.length === 0 && <p className="px-4 pb-4 text-soft">Nothing of that name. A job is found by its whole id.</p>}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** The dialog's own focus comes a frame later, and what is typed in between would be lost. */
function focusAtOnce(input: HTMLInputElement | null) {
  queueMicrotask(() => input?.focus());
}

function useCommands(space: string | undefined, text: string): Command[] {
  const navigate = useNavigate();
  const admin = useMay()("admin");
  const spaces = useQuery({ ...spacesList(), enabled: admin });
  const id = text.trim().toUpperCase();
  const pages = space
    ? ([["Overview", ""], ["Jobs", "/jobs"], ["Failures", "/failures"], ["Live feed", "/feed"], ["Metrics", "/metrics"],
        ...(admin ? [["Tokens", "/tokens"], ["Settings", "/settings"]] : [])] as [string, string][])
    : [];
  const searches = space ? ["status:dead", "status:running", "status:pending", "age:<1h"] : [];
  return [
    ...(isId(id) ? [{ name: `Job ${id}`, hint: "open", run: () => navigate({ to: "/jobs/$jobId", params: { jobId: id } }) }] : []),
    ...pages.map(([name, path]) => ({ name, hint: "page", run: () => navigate({ to: `/spaces/${space}${path}` as string }) })),
    ...searches.map((q) => ({ name: `Jobs ${q}`, hint: "search", run: () => navigate({ to: "/spaces/$spaceId/jobs", params: { spaceId: space! }, search: { q } }) })),
    ...(admin ? [{ name: "All spaces", hint: "page", run: () => navigate({ to: "/" }) }] : []),
    ...(spaces.data ?? []).map(({ id, name }) => ({ name, hint: `space ${shortId(id)}`, run: () => navigate({ to: "/spaces/$spaceId", params: { spaceId: id } }) })),
    ...(["light", "dark", "system"] as const).map((theme) => ({ name: `Theme: ${theme}`, hint: "setting", run: () => chooseTheme(theme) })),
    { name: "Sign out", hint: "session", run: () => signOut() },
  ];
}
