// What a space sends: Slack messages, wake-up calls, and the secret that callbacks are signed with.
import type { Space } from "emit-client";
import { type FormEvent, useState } from "react";
import { emit, queries, spaceOf } from "../api.ts";
import { Button, Card, ErrorNotice, Field, Input } from "../ui/basics.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { say } from "../ui/toast.tsx";
import { Secret } from "./tokens/secret.tsx";

const SLACK_EVENTS = ["created", "acked", "completed", "retried", "dead", "killed"];

/** Writes one setting; the answer is the space as it is now. */
async function change(space: Space, settings: object): Promise<Space> {
  const changed = await emit().http.call<Space>("PATCH", `/spaces/${space.id}`, { body: settings });
  queries.setQueryData(spaceOf(space.id).queryKey, changed);
  return changed;
}

function useChange(space: Space) {
  const [fault, setFault] = useState<unknown>();
  const save = async (settings: object, done: string) => {
    setFault(undefined);
    try {
      await change(space, settings);
      say(done);
    } catch (error) {
      setFault(error);
    }
  };
  return { fault, save };
}

export function SlackSettings({ space }: { space: Space }) {
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState(space.slack?.events ?? ["dead"]);
  const { fault, save } = useChange(space);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save({ slack: { webhookUrl: url, events } }, "Slack is told from now on");
    setUrl("");
  };
  return (
    <Card title="Slack" aside={space.slack && <Button onClick={() => save({ slack: null }, "Slack is told no more")}>Turn off</Button>}>
      <form onSubmit={submit} className="space-y-4">
        <Field label="Incoming webhook" hint={space.slack ? `Now ${space.slack.webhookUrl}` : "From Slack: Apps, Incoming Webhooks."}><Input type="url" required value={url} onChange={(event) => setUrl(event.target.value)} placeholder="https://hooks.slack.com/services/…" /></Field>
        <fieldset>
          <legend className="mb-1 font-medium">When a job is</legend>
          <div className="flex flex-wrap gap-x-4 gap-y-1">
            {SLACK_EVENTS.map((name) => (
              <label key={name} className="flex items-center gap-1.5"><input type="checkbox" className="size-4 accent-(--accent)" checked={events.includes(name)}
                onChange={() => setEvents(events.includes(name) ? events.filter((one) => one !== name) : [...events, name])} />{name}</label>
            ))}
          </div>
        </fieldset>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" disabled={events.length === 0}>Save Slack</Button>
      </form>
    </Card>
  );
}

export function PushSettings({ space }: { space: Space }) {
  const [url, setUrl] = useState(space.push?.url ?? "");
  const [names, setNames] = useState(space.push?.names?.join(", ") ?? "");
  const [header, setHeader] = useState("");
  const { fault, save } = useChange(space);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const [name, ...value] = header.split(":");
    const headers = header.trim() ? { [name!.trim()]: value.join(":").trim() } : null;
    void save({ push: { url, names: names.split(",").map((one) => one.trim()).filter(Boolean), headers } }, "Workers are woken from now on");
  };
  return (
    <Card title="Wake workers" aside={space.push && <Button onClick={() => save({ push: null }, "Nobody is woken any more")}>Turn off</Button>}>
      <form onSubmit={submit} className="space-y-4">
        <Field label="POST job.pending to" hint="For workers that do not poll. Best effort: a burst is few requests."><Input type="url" required value={url} onChange={(event) => setUrl(event.target.value)} placeholder="https://…" /></Field>
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Only for jobs named" hint="With commas between them; empty: for all."><Input value={names} onChange={(event) => setNames(event.target.value)} /></Field>
          <Field label="With the header" hint={space.push?.headers ? `Saving replaces ${Object.keys(space.push.headers).join(", ")}.` : "Such as Authorization: Bearer …"}><Input value={header} onChange={(event) => setHeader(event.target.value)} /></Field>
        </div>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit">Save the address</Button>
      </form>
    </Card>
  );
}

export function SigningSecret({ space }: { space: Space }) {
  const [secret, setSecret] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  const rotate = async () => {
    try {
      const changed = await change(space, { webhookSecret: null });
      setSecret(changed.webhookSecret);
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Card title="Callbacks" aside={<Button onClick={rotate}>New secret</Button>}>
      <p className="text-soft">Callbacks are signed with a secret of this space, after Standard Webhooks. A new one is shown once; the one before signs on for 24 hours.</p>
      {fault !== undefined && <div className="mt-3"><ErrorNotice error={fault} /></div>}
      <Dialog open={secret !== undefined} onClose={() => setSecret(undefined)} title="The new signing secret">
        <Secret token={secret ?? ""} onDone={() => setSecret(undefined)} />
      </Dialog>
    </Card>
  );
}
