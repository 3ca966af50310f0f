// A job's log: newest at the end, followed while its end is in sight, searched and filtered by the server.
import type { JobEvent, LogLevel, LogLine } from "emit-client";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { emit } from "../../api.ts";
import { clockTime } from "../../lib/format.ts";
import { cx, ErrorNotice, Input } from "../../ui/basics.tsx";

const LEVELS: LogLevel[] = ["debug", "info", "warn", "error"];
const LOOKS: Record<LogLevel, string> = { debug: "text-soft", info: "text-accent", warn: "text-warn", error: "text-bad" };
/** What is typed is searched for once nothing more has been typed for so long: the server looks through all lines. */
const TYPED_MS = 300;
/** Lines that are kept in the page, the newest. */
const LINES_MAX = 5_000;

export function Logs({ id, events }: { id: string; events: JobEvent[] }) {
  const [levels, setLevels] = useState<LogLevel[]>([]);
  const [search, setSearch] = useState("");
  const { lines, error } = useLines(id, levels, useSettled(search.trim()), events.findLast(({ type }) => type === "log" || type === "erased")?.seq ?? 0);
  const place = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    if (follows.current && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [lines]);
  return (
    <div>
      <div className="flex flex-wrap items-center gap-2 px-4 py-2.5">
        <div className="w-64 max-w-full"><Input aria-label="Search in the log" placeholder="Search" value={search} onChange={(event) => setSearch(event.target.value)} /></div>
        <div role="group" aria-label="Levels" className="flex gap-1">
          {LEVELS.map((level) => {
            const on = levels.includes(level);
            return <button key={level} type="button" aria-pressed={on} onClick={() => setLevels(on ? levels.filter((one) => one !== level) : [...levels, level])}
              className={cx("rounded-full border px-2.5 py-0.5", on ? "border-accent bg-accent-ground" : "border-line hover:border-line-strong")}>{level}</button>;
          })}
        </div>
      </div>
      {error !== undefined && <div className="px-4 pb-3"><ErrorNotice error={error} /></div>}
      <div ref={place} tabIndex={0} role="log" aria-label="Log" aria-live="off" className="max-h-[28rem] overflow-auto border-line border-t py-2 font-mono text-code leading-6"
        onScroll={({ currentTarget: box }) => (follows.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40)}>
        {lines.map((line) => (
          <div key={line.line} className="flex gap-3 px-4 hover:bg-sunken">
            <span className="hidden shrink-0 text-soft tabular-nums sm:inline">{clockTime(line.timestamp)}</span>
            <span className={cx("w-12 shrink-0", LOOKS[line.level])}>{line.level}</span>
            <span className="min-w-0 whitespace-pre-wrap break-words">{line.message}{line.fields && <span className="text-soft"> {JSON.stringify(line.fields)}</span>}</span>
          </div>
        ))}
        {lines.length === 0 && error === undefined && <p className="px-4 font-sans text-soft">{levels.length || search ? "No line matches." : "No lines yet. A worker writes them with POST /jobs/:jobId/logs."}</p>}
      </div>
    </div>
  );
}

/** The text, once it has stood for a while; at once where there is none. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), text ? TYPED_MS : 0);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** All lines that match, and those that come: `signal` changes when there are new ones. */
function useLines(id: string, levels: LogLevel[], search: string, signal: number) {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [error, setError] = useState<unknown>();
  const after = useRef(0);
  const asked = useRef("");
  const query = `${id} ${levels} ${search}`;
  useEffect(() => {
    const stop = new AbortController();
    if (asked.current !== query) after.current = 0;
    (async () => {
      for (let more = true; more; ) {
        const from = after.current;
        const page = await emit().jobs.logs(id, { after: from, limit: 1_000, level: levels.length ? levels : undefined, q: search || undefined, signal: stop.signal });
        const isNew = asked.current !== query;
        asked.current = query;
        after.current = page.items.at(-1)?.line ?? from;
        more = page.more;
        setLines((old) => (isNew ? page.items : [...old, ...page.items]).slice(-LINES_MAX));
      }
      setError(undefined);
    })().catch((error) => stop.signal.aborted || setError(error));
    return () => stop.abort();
  }, [query, signal]);
  return { lines, error };
}
