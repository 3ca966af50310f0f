// JSON as a tree that folds: open where it is small, closed where it is deep or long.
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { CopyButton, cx } from "./basics.tsx";

const OPEN_DEPTH = 2;
/** Children shown at once: a list of 100,000 must not stop the page. */
const STEP = 100;

export function Json({ value }: { value: unknown }) {
  return (
    <div className="group relative overflow-x-auto font-mono text-[13px] leading-6">
      <div className="absolute top-0 right-0"><CopyButton text={JSON.stringify(value, null, 2)} label="Copy as JSON" /></div>
      <Node value={value} depth={0} />
    </div>
  );
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const label = name !== undefined && <span className="text-soft">{name}: </span>;
  if (value === null || typeof value !== "object") return <div className="break-words pr-8">{label}<Leaf value={value} /></div>;
  return <Branch label={label} value={value as object} depth={depth} />;
}

function Branch({ label, value, depth }: { label: React.ReactNode; value: object; depth: number }) {
  const entries = Object.entries(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= 20);
  const [shown, setShown] = useState(STEP);
  const isList = Array.isArray(value);
  const [begin, end] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <div>{label}{begin}{end}</div>;
  return (
    <div>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex items-center rounded text-left hover:bg-sunken">
        <ChevronRight size={14} aria-hidden className={cx("-ml-1 shrink-0 text-soft transition-transform", open && "rotate-90")} />
        {label}
        <span>{begin}{!open && <span className="text-soft"> {entries.length} {isList ? "items" : entries.length === 1 ? "field" : "fields"} {end}</span>}</span>
      </button>
      {open && (
        <div className="ml-[5px] border-line border-l pl-4">
          {entries.slice(0, shown).map(([key, inner]) => <Node key={key} name={key} value={inner} depth={depth + 1} />)}
          {entries.length > shown && (
            <button type="button" className="text-accent underline" onClick={() => setShown(shown + STEP * 10)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
      {open && <div>{end}</div>}
    </div>
  );
}

function Leaf({ value }: { value: unknown }) {
  if (typeof value === "string") return <span className="whitespace-pre-wrap text-good">{JSON.stringify(value)}</span>;
  if (typeof value === "number") return <span className="text-accent">{String(value)}</span>;
  return <span className="text-violet">{String(value)}</span>;
}
