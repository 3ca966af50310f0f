// The rows, of which only those on the screen exist.
import { useVirtualizer } from "@tanstack/react-virtual";
import { Link, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type MouseEvent, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { ago, dateTime } from "../../lib/format.ts";
import { shortId } from "../../lib/ids.ts";
import { cx } from "../../ui/basics.tsx";
import { Status } from "../../ui/status.tsx";
import type { View } from "./follower.ts";
import type { Row } from "./row.ts";

/** A row's height until it is measured: it grows with the letters. */
const ROW_PX = 35;
/** The next page is asked for that many rows before the end. */
const AHEAD = 40;
const COLUMNS = "grid grid-cols-[2.5rem_minmax(0,1fr)_7rem] sm:grid-cols-[2.5rem_minmax(0,2fr)_8rem_minmax(0,1fr)_6rem] lg:grid-cols-[2.5rem_minmax(0,2fr)_7rem_4.5rem_minmax(0,1.6fr)_minmax(0,1fr)_8.5rem_6rem] items-center gap-x-3 px-3";

const NO_LONGER = "no longer matches the search";

export interface Selection {
  has: (id: string) => boolean;
  toggle: (index: number, range: boolean) => void;
  toggleAll: () => void;
  all: boolean;
  some: boolean;
}

/** How far down each table was when it was left: for whoever goes back to it. */
const left = new Map<string, number>();

export function Table({ rows, fits, view, more, onMore, selection, pickable, scroller, place }: {
  rows: Row[]; fits: (row: Row) => boolean; view: { current: View }; more: boolean; onMore: () => void; selection: Selection; pickable: boolean;
  scroller: RefObject<HTMLDivElement | null>; place: string;
}) {
  const head = useRef<HTMLDivElement>(null);
  const [rowPx, setRowPx] = useState(ROW_PX);
  const focus = useRef(0);
  const navigate = useNavigate();
  const virtual = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => rowPx, overscan: 12, initialOffset: () => left.get(place) ?? 0,
  });
  // The head is as high as a row.
  useLayoutEffect(() => {
    const measured = new ResizeObserver(() => setRowPx(head.current!.getBoundingClientRect().height));
    measured.observe(head.current!);
    return () => measured.disconnect();
  }, []);
  useLayoutEffect(() => virtual.measure(), [virtual, rowPx]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  view.current = { from: items[0]?.index ?? 0, to: last };
  useEffect(() => {
    if (more && last >= rows.length - AHEAD) onMore();
  }, [more, last, rows.length, onMore]);

  const go = (index: number) => {
    focus.current = Math.max(0, Math.min(rows.length - 1, index));
    virtual.scrollToIndex(focus.current);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${focus.current}"] a`)?.focus({ preventScroll: true }));
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const index = Number((event.target as HTMLElement).closest<HTMLElement>("[data-index]")?.dataset.index ?? focus.current);
    if (event.key === "ArrowDown" || event.key === "j") go(index + 1);
    else if (event.key === "ArrowUp" || event.key === "k") go(index - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(rows.length - 1);
    else if (event.key === "x" && pickable) selection.toggle(index, event.shiftKey);
    else return;
    event.preventDefault();
  };
  const opened = (event: MouseEvent, row: Row) => {
    if ((event.target as HTMLElement).closest("a, input, label") || getSelection()?.toString()) return;
    navigate({ to: "/jobs/$jobId", params: { jobId: row.id } });
  };
  return (
    <div role="table" aria-label="Jobs" aria-rowcount={more ? -1 : rows.length + 1} className="flex min-h-64 flex-1 flex-col overflow-hidden rounded-xl border border-line bg-card tabular-nums">
      <div ref={head} role="row" aria-rowindex={1} className={cx(COLUMNS, "h-10 shrink-0 border-line border-b font-medium text-soft")}>
        <span role="columnheader" className="flex justify-center">
          {pickable ? <input type="checkbox" aria-label="Select all that are loaded" className="size-4 accent-(--accent)" checked={selection.all}
            ref={(box) => { if (box) box.indeterminate = selection.some && !selection.all; }} onChange={selection.toggleAll} /> : <span className="sr-only">Selection</span>}
        </span>
        <span role="columnheader">Job</span>
        <span role="columnheader">Status</span>
        <span role="columnheader" className="hidden lg:block">Attempt</span>
        <span role="columnheader" className="hidden lg:block">Tags</span>
        <span role="columnheader" className="hidden sm:block">Worker</span>
        <span role="columnheader" className="hidden lg:block">Created</span>
        <span role="columnheader" className="hidden text-right sm:block">Changed</span>
      </div>
      <div ref={scroller} role="rowgroup" onKeyDown={pressed} onScroll={({ currentTarget }) => left.set(place, currentTarget.scrollTop)} tabIndex={-1} data-scroller className="min-h-0 flex-1 overflow-auto">
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
          {items.map((item) => {
            const row = rows[item.index]!;
            const picked = selection.has(row.id);
            return (
              <div key={row.id} role="row" aria-rowindex={item.index + 2} aria-selected={pickable ? picked : undefined} data-index={item.index} onClick={(event) => opened(event, row)} onKeyDown={() => {}}
                style={{ transform: `translateY(${item.start}px)` }}
                className={cx(COLUMNS, "absolute top-0 right-0 left-0 h-10 cursor-pointer border-line border-b", picked ? "bg-accent-ground" : "hover:bg-sunken")}>
                <span role="cell" className="flex justify-center">
                  {pickable && <input type="checkbox" aria-label={`Select ${row.name} ${shortId(row.id)}`} className="size-4 accent-(--accent)" checked={picked}
                    onChange={(event) => selection.toggle(item.index, (event.nativeEvent as PointerEvent).shiftKey)} />}
                </span>
                <span role="cell" className="flex min-w-0 items-baseline gap-2">
                  <Link to="/jobs/$jobId" params={{ jobId: row.id }} title={row.name} className={cx("truncate font-medium", fits(row) ? "text-ink no-underline hover:underline" : "text-soft line-through")}><bdi>{row.name}</bdi></Link>
                  <span className="hidden shrink-0 font-mono text-soft text-xs sm:inline" title={row.id}>{shortId(row.id)}</span>
                </span>
                <span role="cell" className="flex min-w-0 flex-col justify-center" title={fits(row) ? undefined : NO_LONGER}>
                  {row.gone ? <span className="text-soft">gone</span> : <Status status={row.status} />}
                  {!fits(row) && <span className="sr-only">{NO_LONGER}</span>}
                  {row.status === "running" && row.percent !== undefined && (
                    <span className="mt-0.5 block h-1 w-20 overflow-hidden rounded-full bg-sunken" aria-hidden><span className="block h-full rounded-full bg-accent" style={{ width: `${row.percent}%` }} /></span>
                  )}
                </span>
                <span role="cell" className={cx("hidden lg:block", row.attempt > 0 ? "text-warn" : "text-soft")}>{row.attempt + 1} of {row.maxRetries + 1}</span>
                <Written text={Object.entries(row.tags ?? {}).map(([key, value]) => `${key}=${value}`).join(", ")} from="lg:block" />
                <Written text={row.workerId ?? ""} from="sm:block" />
                <span role="cell" className="hidden truncate text-soft lg:block" title={row.createdAt}>{dateTime(row.createdAt)}</span>
                <span role="cell" className="hidden text-right text-soft sm:block" title={row.updatedAt}>{ago(row.updatedAt)}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** What people and programs wrote: of any length, from either side. */
function Written({ text, from }: { text: string; from: "sm:block" | "lg:block" }) {
  return <span role="cell" className={cx("hidden truncate text-soft", from)} title={text || undefined}><bdi>{text}</bdi></span>;
}
