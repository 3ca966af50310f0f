// The live feed. Its rows are a pool that is filled in anew each frame, by hand: React renders the frame around them, once.
import { useParams } from "@tanstack/react-router";
import type { Gap, JobEvent } from "emit-client";
import { Pause, Play } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { clockTime, count } from "../lib/format.ts";
import { shortId } from "../lib/ids.ts";
import { useLive } from "../live/live.tsx";
import { RING_MAX, type SpaceLive } from "../live/space-live.ts";
import { Button, Notice, PageTitle } from "../ui/basics.tsx";
import { router } from "../router.tsx";
import { statusMark } from "../ui/status.tsx";

/** A row's height until one is measured: it grows with the letters. */
const ROW_PX = 28;
/** Nobody reads faster: the frames between stay free for scrolling and typing. */
const PAINT_MS = 50;
/** Rows beyond the screen's edge. */
const SPARE = 4;
/** Characters of an event's data: one line. */
const DATA_CHARS = 240;

export function FeedPage() {
  useParams({ from: "/inside/spaces/$spaceId/feed" });
  const live = useLive();
  return live ? <Feed key={live.space} live={live} /> : null;
}

function Feed({ live }: { live: SpaceLive }) {
  const place = useRef<HTMLDivElement>(null);
  const painter = useRef<Painter>(null);
  const [held, setHeld] = useState(false);
  const gaps = useSyncExternalStore(live.subscribe, () => live.gaps);
  useEffect(() => {
    const made = new Painter(place.current!, live, setHeld);
    painter.current = made;
    return () => made.end();
  }, [live]);
  return (
    <div className="flex h-[calc(100dvh-5.5rem)] min-h-[24rem] flex-col md:h-[calc(100dvh-3rem)]">
      <PageTitle aside={<>
        <FeedRate live={live} />
        <Button icon={held ? Play : Pause} aria-pressed={held} onClick={() => painter.current?.hold(!held)}>{held ? "Resume" : "Pause"}</Button>
      </>}>Live feed</PageTitle>
      {gaps > 0 && <div className="mb-3"><Notice tone="warn">Events are missing below, where it says “gap”: the server no longer keeps them, or goes on from an older backup.</Notice></div>}
      <div ref={place} tabIndex={0} role="region" aria-label="Events, newest first" className="min-h-0 flex-1 overflow-auto rounded-xl border border-line bg-card font-mono text-code data-[empty=true]:before:block data-[empty=true]:before:p-4 data-[empty=true]:before:font-sans data-[empty=true]:before:text-soft data-[empty=true]:before:content-['Nothing_has_happened_yet._Events_appear_here_the_moment_they_are_on_disk.']" />
      <p className="mt-2 text-soft">Newest first. Scrolling down or pausing holds the list; the newest {count(RING_MAX)} events can be scrolled back to.</p>
    </div>
  );
}

/** Told in words once a second: numbers that change with every frame cannot be read. */
function FeedRate({ live }: { live: SpaceLive }) {
  const [shown, setShown] = useState({ rate: 0, total: live.total });
  useEffect(() => {
    // The first second brings what was before.
    let before: number | undefined;
    const timer = setInterval(() => {
      setShown({ rate: live.total - (before ?? live.total), total: live.total });
      before = live.total;
    }, 1_000);
    return () => clearInterval(timer);
  }, [live]);
  return <span className="text-soft tabular-nums" data-total={shown.total}>{count(shown.rate)} events/s, {count(shown.total)} seen</span>;
}

class Painter {
  readonly #place: HTMLElement;
  readonly #live: SpaceLive;
  readonly #tall = document.createElement("div");
  readonly #rows: HTMLElement[] = [];
  readonly #onHeld: (held: boolean) => void;
  readonly #unsubscribe: () => void;
  readonly #sized: ResizeObserver;
  #rowPx = ROW_PX;
  /** Where the list was when it was held: what comes later is not shown until it is let go. */
  #heldAt: number | undefined;
  #paintedAt = 0;
  #timer: number | undefined;

  constructor(place: HTMLElement, live: SpaceLive, onHeld: (held: boolean) => void) {
    this.#place = place;
    this.#live = live;
    this.#onHeld = onHeld;
    this.#tall.style.position = "relative";
    place.replaceChildren(this.#tall);
    place.addEventListener("scroll", this.#scrolled);
    place.addEventListener("click", opened);
    this.#sized = new ResizeObserver(() => {
      this.#rowPx = this.#rows[0]?.getBoundingClientRect().height || this.#rowPx;
      this.paint();
    });
    this.#sized.observe(place);
    this.#unsubscribe = live.subscribe(() => this.#heldAt === undefined && this.#paintSoon());
    this.paint();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
    this.#sized.disconnect();
    this.#place.removeEventListener("scroll", this.#scrolled);
    this.#place.removeEventListener("click", opened);
  }

  hold(held: boolean): void {
    if (held === (this.#heldAt !== undefined)) return;
    this.#heldAt = held ? this.#live.total : undefined;
    if (!held) this.#place.scrollTop = 0;
    this.#onHeld(held);
    this.paint();
  }

  readonly #scrolled = () => {
    if (this.#place.scrollTop > this.#rowPx) this.hold(true);
    this.paint();
  };

  #paintSoon(): void {
    const wait = this.#paintedAt + PAINT_MS - performance.now();
    if (wait <= 0) return this.paint();
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      if (this.#heldAt === undefined) this.paint();
    }, wait);
  }

  paint(): void {
    this.#paintedAt = performance.now();
    const total = this.#heldAt ?? this.#live.total;
    const length = Math.min(total, RING_MAX);
    this.#tall.style.height = `${length * this.#rowPx}px`;
    this.#place.dataset.empty = String(length === 0);
    const first = Math.max(0, Math.floor(this.#place.scrollTop / this.#rowPx) - SPARE);
    const wanted = Math.min(length - first, Math.ceil(this.#place.clientHeight / this.#rowPx) + 2 * SPARE);
    while (this.#rows.length < wanted) this.#rows.push(this.#tall.appendChild(rowElement()));
    if (this.#rows[0]) this.#sized.observe(this.#rows[0]);
    this.#rows.forEach((row, at) => {
      const event = at < wanted ? this.#live.at(first + at, total) : undefined;
      row.hidden = at >= wanted;
      if (at >= wanted) return;
      row.style.transform = `translateY(${(first + at) * this.#rowPx}px)`;
      fill(row, event);
    });
  }
}

/** Within the page: a key that is kept in memory would not outlive a load. */
function opened(event: MouseEvent): void {
  const link = (event.target as HTMLElement).closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  router.history.push(new URL(link.href).pathname);
}

/** As wide as their longest, of letters of one width: a time, a type; a name of any length is cut, and whole in its title. */
const COLUMNS = [
  ["span", "w-[12ch] shrink-0 text-soft tabular-nums"],
  ["span", ""],
  ["span", "w-[16ch] shrink-0 font-medium"],
  ["a", "min-w-0 flex-1 truncate [unicode-bidi:isolate] sm:w-[24ch] sm:flex-none"],
  ["span", "hidden shrink-0 text-soft lg:block"],
  ["bdi", "hidden min-w-0 truncate text-soft sm:block"],
] as const;

function rowElement(): HTMLElement {
  const row = document.createElement("div");
  row.className = "absolute inset-x-0 flex contain-strict h-8 items-center gap-3 border-line border-b px-3 whitespace-nowrap";
  row.append(...COLUMNS.map(([tag, className]) => Object.assign(document.createElement(tag), { className })));
  return row;
}

function fill(row: HTMLElement, event: JobEvent | Gap | undefined): void {
  const seq = event ? `${event.seq}` : "";
  if (row.dataset.seq === seq && seq) return;
  row.dataset.seq = seq;
  const [time, mark, type, link, id, data] = row.children as unknown as [HTMLElement, HTMLElement, HTMLElement, HTMLAnchorElement, HTMLElement, HTMLElement];
  if (!event) {
    for (const cell of [time, type, link, id]) cell.textContent = cell.title = "";
    link.removeAttribute("href");
    mark.className = data.textContent = data.title = "";
    link.textContent = "no longer in this page";
    return;
  }
  time.textContent = clockTime(event.timestamp);
  type.textContent = event.type;
  mark.className = `size-2 shrink-0 rounded-full ${event.type === "gap" ? "bg-warn-mark" : statusMark(event.status)}`;
  link.textContent = link.title = event.jobName ?? "";
  id.textContent = event.jobId ? shortId(event.jobId) : "";
  id.title = event.jobId ?? "";
  if (event.jobId) link.href = `/jobs/${event.jobId}`;
  else link.removeAttribute("href");
  const text = event.data === undefined || event.data === null ? "" : JSON.stringify(event.data);
  data.textContent = data.title = text.length > DATA_CHARS ? `${text.slice(0, DATA_CHARS)}…` : text;
}
