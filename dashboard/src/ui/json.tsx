// JSON as a tree that folds: open where it is small, closed where it is deep or long. It is read from its text, so that
// what stands here is what is stored, to the last digit.
import { ChevronRight } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { count } from "../lib/format.ts";
import { members, pretty } from "../lib/raw-json.ts";
import { CopyButton, cx } from "./basics.tsx";

const OPEN_DEPTH = 2;
/** Children shown at once: a list of 100,000 must not stop the page. */
const STEP = 100;
/** Characters of a text that are shown unasked. */
const TEXT_CHARS = 1_000;

export function Json({ text }: { text: string }) {
  return (
    <div className="group relative overflow-x-auto font-mono text-code leading-6">
      <div className="absolute top-0 right-0"><CopyButton text={() => pretty(text)} label="Copy as JSON" /></div>
      <Node text={text} depth={0} />
    </div>
  );
}

function Node({ name, text, depth }: { name?: string; text: string; depth: number }) {
  const label = name !== undefined && <span className="text-soft"><bdi>{name}</bdi>: </span>;
  if (text[0] !== "{" && text[0] !== "[") return <div className="break-words pr-8">{label}<Leaf text={text} /></div>;
  return <Branch label={label} text={text} depth={depth} />;
}

function Branch({ label, text, depth }: { label: ReactNode; text: string; depth: number }) {
  const entries = useMemo(() => members(text), [text]);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= 20);
  const [shown, setShown] = useState(STEP);
  const isList = text[0] === "[";
  const [begin, end] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <div>{label}{begin}{end}</div>;
  return (
    <div>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="block min-h-[24px] rounded text-left hover:bg-sunken">
        <ChevronRight size={14} aria-hidden className={cx("-mt-0.5 -ml-1 inline text-soft transition-transform", open && "rotate-90")} />
        {label}
        <span>{begin}{!open && <span className="text-soft"> {entries.length} {isList ? "items" : entries.length === 1 ? "field" : "fields"} {end}</span>}</span>
      </button>
      {open && (
        <div className="ml-[5px] border-line border-l pl-4">
          {entries.slice(0, shown).map(([key, inner], at) => <Node key={at} name={key} text={inner} depth={depth + 1} />)}
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

function Leaf({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text[0] !== '"') return <span className={/^[tfn]/.test(text) ? "text-violet" : "text-accent"}>{text}</span>;
  const shown = whole ? text : text.slice(0, TEXT_CHARS);
  return (
    <>
      <bdi className="whitespace-pre-wrap text-good [overflow-wrap:anywhere]">{shown}</bdi>
      {text.length > TEXT_CHARS && (
        <button type="button" aria-expanded={whole} className="ml-1 text-accent underline" onClick={() => setWhole(!whole)}>
          {whole ? "less" : `… all ${count(text.length)} characters`}
        </button>
      )}
    </>
  );
}
