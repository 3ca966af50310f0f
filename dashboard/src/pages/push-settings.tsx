// Whom a space wakes when jobs are pending. The server takes the setting whole and never says the values of its headers:
// so a stored header stays only if its value is typed again, and goes only if somebody says so.
import type { Space, SpaceSettings } from "emit-client";
import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button, Card, ErrorNotice, Field, Input } from "../ui/basics.tsx";
import { say } from "../ui/toast.tsx";
import { useBusy } from "../ui/use-busy.ts";
import { change } from "./outbound-settings.tsx";

interface Header {
  name: string;
  value: string;
  /** The server has a value for it. */
  stored: boolean;
}

interface Draft {
  url?: string;
  names?: string;
  headers?: Header[];
}

export function PushSettings({ space }: { space: Space }) {
  const [draft, setDraft] = useState<Draft>({});
  const { busy, fault, run } = useBusy();
  const url = draft.url ?? space.push?.url ?? "";
  const names = draft.names ?? space.push?.names?.join(", ") ?? "";
  const headers = draft.headers ?? Object.keys(space.push?.headers ?? {}).map((name): Header => ({ name, value: "", stored: true }));
  const edit = (more: Draft) => setDraft({ ...draft, ...more });
  const save = (push: SpaceSettings["push"], done: string) => run(async () => {
    await change(space, { push });
    setDraft({});
    say(done);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const sent = headers.length ? Object.fromEntries(headers.map(({ name, value }) => [name.trim(), value.trim()])) : null;
    void save({ url, names: names.split(",").map((one) => one.trim()).filter(Boolean), headers: sent }, "Workers are woken from now on");
  };
  return (
    <Card title="Wake workers" aside={space.push && <Button disabled={busy} onClick={() => save(null, "Nobody is woken any more")}>Turn off</Button>}>
      <form onSubmit={submit} className="space-y-4">
        <Field label="POST job.pending to" hint="For workers that do not poll. Best effort: a burst is few requests."><Input type="url" required value={url} onChange={(event) => edit({ url: event.target.value })} placeholder="https://…" /></Field>
        <Field label="Only for jobs named" hint="With commas between them; empty: for all."><Input value={names} onChange={(event) => edit({ names: event.target.value })} /></Field>
        <Headers headers={headers} onChange={(headers) => edit({ headers })} />
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" disabled={busy || Object.keys(draft).length === 0}>Save the address</Button>
      </form>
    </Card>
  );
}

function Headers({ headers, onChange }: { headers: Header[]; onChange: (headers: Header[]) => void }) {
  const set = (at: number, more: Partial<Header>) => onChange(headers.map((header, index) => (index === at ? { ...header, ...more } : header)));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">With the headers</legend>
      {headers.some(({ stored }) => stored) && <p className="mb-2 text-soft">Values are never shown. Type them again to change anything here, or remove the header.</p>}
      <div className="space-y-2">
        {headers.map((header, at) => (
          <div key={at} className="flex items-center gap-2">
            <Input required aria-label={`Name of header ${at + 1}`} placeholder="authorization" readOnly={header.stored} value={header.name} onChange={(event) => set(at, { name: event.target.value })} className="font-mono text-code" />
            <Input required type="password" aria-label={`Value of header ${at + 1}`} placeholder={header.stored ? "stored" : "Bearer …"} value={header.value} onChange={(event) => set(at, { value: event.target.value })} className="font-mono text-code" />
            <Button look="quiet" icon={X} aria-label={`Remove header ${at + 1}`} title="Remove" className="w-8 shrink-0 px-0" onClick={() => onChange(headers.filter((_, index) => index !== at))} />
          </div>
        ))}
      </div>
      <Button icon={Plus} className={headers.length ? "mt-2" : ""} onClick={() => onChange([...headers, { name: "", value: "", stored: false }])}>Header</Button>
    </fieldset>
  );
}
