// The rows, of which only those on the screen exist.
import { useVirtualizer } from "@tanstack/react-virtual";
import { Link, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type MouseEvent, useEffect, useRef } from "react";
import { ago, dateTime } from "../../lib/format.ts";
import { shortId } from "../../lib/ids.ts";
import { cx } from "../../ui/basics.tsx";
import { Status } from "../../ui/status.tsx";
import type { Row } from "./use-jobs.ts";

const ROW_PX = 40;
/** The next page is asked for that many rows before the end. */
const AHEAD = 40;
const COLUMNS = "grid grid-cols-[2.5rem_minmax(0,1fr)_7rem] sm:grid-cols-[2.5rem_minmax(0,2fr)_8rem_minmax(0,1fr)_6rem] lg:grid-cols-[2.5rem_minmax(0,2fr)_8rem_5rem_minmax(0,1.3fr)_minmax(0,1fr)_8rem_7rem] items-center gap-x-3 px-3";

export interface Selection {
  has: (id: string) => boolean;
  toggle: (index: number, range: boolean) => void;
  toggleAll: () => void;
  all: boolean;
  some: boolean;
}

export function Table({ rows, more, onMore, selection, pickable }: {
  rows: Row[]; more: boolean; onMore: () => void; selection: Selection; pickable: boolean;
}) {
  const place = useRef<HTMLDivElement>(null);
  const focus = useRef(0);
  const navigate = useNavigate();
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => place.current, estimateSize: () => ROW_PX, overscan: 12 });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= rows.length - AHEAD) onMore();
  }, [more, last, rows.length, onMore]);

  const go = (index: number) => {
    focus.current = Math.max(0, Math.min(rows.length - 1, index));
    virtual.scrollToIndex(focus.current);
    requestAnimationFrame(() => place.current?.querySelector<HTMLElement>(`[data-index="${focus.current}"] a`)?.focus({ preventScroll: true }));
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
      <div role="row" aria-rowindex={1} className={cx(COLUMNS, "h-10 shrink-0 border-line border-b font-medium text-soft")}>
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
      <div ref={place} role="rowgroup" onKeyDown={pressed} tabIndex={-1} data-scroller className="min-h-0 flex-1 overflow-auto">
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
                  <Link to="/jobs/$jobId" params={{ jobId: row.id }} className="truncate font-medium text-ink no-underline hover:underline">{row.name}</Link>
                  <span className="hidden shrink-0 font-mono text-soft text-xs sm:inline">{shortId(row.id)}</span>
                </span>
                <span role="cell" className="flex min-w-0 flex-col justify-center">
                  <Status status={row.status} />
                  {row.status === "running" && row.percent !== undefined && (
                    <span className="mt-0.5 block h-1 w-20 overflow-hidden rounded-full bg-sunken" aria-hidden><span className="block h-full rounded-full bg-accent" style={{ width: `${row.percent}%` }} /></span>
                  )}
                </span>
                <span role="cell" className={cx("hidden lg:block", row.attempt > 0 ? "text-warn" : "text-soft")}>{row.attempt + 1} of {row.maxRetries + 1}</span>
                <span role="cell" className="hidden truncate text-soft lg:block">{row.tags ? Object.entries(row.tags).map(([key, value]) => `${key}=${value}`).join("  ") : ""}</span>
                <span role="cell" className="hidden truncate text-soft sm:block">{row.workerId}</span>
                <span role="cell" className="hidden text-soft lg:block">{dateTime(row.createdAt)}</span>
                <span role="cell" className="hidden text-right text-soft sm:block" title={row.updatedAt}>{ago(row.updatedAt)}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
