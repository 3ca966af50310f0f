// A job's events, newest first, each with what it carried.
import { useQuery } from "@tanstack/react-query";
import type { JobEvent } from "emit-client";
import { useState } from "react";
import { eventDataOf } from "../../api.ts";
import { clockTime } from "../../lib/format.ts";
import { cx, ErrorNotice, Waiting } from "../../ui/basics.tsx";
import { Json } from "../../ui/json.tsx";
import { statusMark } from "../../ui/status.tsx";

const SHOWN = 100;

export function Events({ events, partial }: { events: JobEvent[]; partial: boolean }) {
  const [shown, setShown] = useState(SHOWN);
  const newest = events.slice(-shown).reverse();
  return (
    <div>
      <ol className="max-h-[30rem] divide-y divide-line overflow-auto" tabIndex={0} aria-label="Events, newest first">
        {newest.map((event) => <Row key={event.seq} event={event} />)}
      </ol>
      {events.length > shown && <button type="button" className="px-4 py-2 text-accent underline" onClick={() => setShown(shown * 4)}>Older events</button>}
      {partial && events.length <= shown && <p className="px-4 py-2 text-soft">There are older ones: GET /jobs/:jobId/events pages through all that are kept.</p>}
    </div>
  );
}

function Row({ event }: { event: JobEvent }) {
  const [open, setOpen] = useState(false);
  const text = event.data === undefined || event.data === null ? "" : JSON.stringify(event.data);
  const line = (
    <>
      <span className="w-[6.5rem] shrink-0 text-soft tabular-nums">{clockTime(event.timestamp)}</span>
      <span aria-hidden className={cx("size-2 shrink-0 self-center rounded-full", statusMark(event.status))} />
      <span className="w-28 shrink-0 font-medium">{event.type}</span>
      <span className="min-w-0 truncate font-mono text-code text-soft">{text}</span>
    </>
  );
  return (
    <li>
      {text ? <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex w-full items-baseline gap-3 px-4 py-1.5 text-left hover:bg-sunken">{line}</button>
        : <div className="flex items-baseline gap-3 px-4 py-1.5">{line}</div>}
      {open && <div className="bg-sunken px-4 py-2"><Data event={event} /></div>}
    </li>
  );
}

/** As it is stored: a line shows what JavaScript made of it. */
function Data({ event }: { event: JobEvent }) {
  const { data, error } = useQuery(eventDataOf(event));
  if (error) return <ErrorNotice error={error} />;
  return data === undefined ? <Waiting rows={1} /> : <Json text={data} />;
}
