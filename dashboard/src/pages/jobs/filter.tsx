// The search line, with what may stand where the cursor is.
import { Search, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { type Known, suggestions } from "../../lib/query-language.ts";
import { cx, Kbd } from "../../ui/basics.tsx";

export function Filter({ value, known, fault, onSubmit }: {
  value: string; known: Known; fault: string | undefined; onSubmit: (query: string) => void;
}) {
  const [text, setText] = useState(value);
  const [cursor, setCursor] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    const pressed = (event: globalThis.KeyboardEvent) => {
      if (event.key !== "/" || (event.target as HTMLElement).closest("input, textarea, [role=dialog]")) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const found = useMemo(() => (open ? suggestions(text, cursor, known) : []), [open, text, cursor, known]);

  const take = (query: string) => {
    setText(query);
    setCursor(query.length);
    setAt(-1);
    input.current?.focus();
    // A term that is whole is searched for at once.
    if (query.endsWith(" ")) onSubmit(query.trim());
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" && found.length) setAt((at + 1) % found.length);
    else if (event.key === "ArrowUp" && found.length) setAt(at <= 0 ? found.length - 1 : at - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && open && found[at]) take(found[at].query);
    else if (event.key === "Enter") (setOpen(false), onSubmit(text.trim()));
    else if (event.key === "Escape" && open) setOpen(false);
    else return;
    event.preventDefault();
  };
  const list = open && found.length > 0;
  return (
    <div className="relative mb-3">
      <Search size={15} aria-hidden className="pointer-events-none absolute top-2.5 left-3 text-soft" />
      <input
        ref={input} value={text} role="combobox" aria-label="Search jobs" aria-expanded={list} aria-controls="suggestions" aria-autocomplete="list"
        aria-activedescendant={list && at >= 0 ? `suggestion-${at}` : undefined} aria-invalid={fault !== undefined} aria-describedby={fault ? "search-fault" : undefined}
        placeholder="status:dead name:video.* tag:customer=42 age:<1h" autoComplete="off" spellCheck={false}
        onChange={(event) => (setText(event.target.value), setCursor(event.target.selectionStart ?? 0), setOpen(true), setAt(-1))}
        onFocus={() => setOpen(true)} onBlur={() => setOpen(false)} onKeyDown={pressed}
        onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
        className={cx("h-9 w-full rounded-lg border bg-card pr-16 pl-9 font-mono text-code placeholder:text-soft", fault ? "border-bad-mark" : "border-line-strong")}
      />
      <span className="absolute top-1.5 right-2 flex items-center gap-1">
        {text ? <button type="button" aria-label="Clear the search" className="grid size-[24px] place-items-center rounded text-soft hover:bg-sunken" onClick={() => (setText(""), onSubmit(""))}><X size={15} aria-hidden /></button> : <Kbd>/</Kbd>}
      </span>
      {list && (
        <ul id="suggestions" role="listbox" aria-label="Suggestions" className="absolute z-20 mt-1 max-h-80 w-full max-w-xl overflow-auto rounded-lg border border-line bg-card p-1 shadow-(--shadow)">
          {found.map((one, index) => (
            <li key={one.text} id={`suggestion-${index}`} role="option" aria-selected={index === at}
              onPointerDown={(event) => (event.preventDefault(), take(one.query))} onPointerMove={() => setAt(index)}
              className={cx("flex cursor-pointer items-baseline justify-between gap-4 rounded px-2 py-1.5", index === at && "bg-accent-ground")}>
              <bdi className="truncate font-mono text-code" title={one.text}>{one.text}</bdi><span className="truncate text-soft text-xs">{one.hint}</span>
            </li>
          ))}
        </ul>
      )}
      {fault && <p id="search-fault" role="alert" className="mt-1 text-bad">{fault}</p>}
    </div>
  );
}
