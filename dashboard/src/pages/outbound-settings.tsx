// What a space sends: Slack messages, and the secret that callbacks are signed with.
import type { Space, SpaceSettings } from "emit-client";
import { type FormEvent, useState } from "react";
import { emit, queries, spaceOf } from "../api.ts";
import { Button, Card, ErrorNotice, Field, Input } from "../ui/basics.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { say } from "../ui/toast.tsx";
import { useBusy } from "../ui/use-busy.ts";
import { Secret } from "./tokens/secret.tsx";

type Slack = NonNullable<SpaceSettings["slack"]>;
const SLACK_EVENTS: NonNullable<Slack["events"]> = ["created", "acked", "completed", "retried", "dead", "killed"];

/** Writes one setting; the answer is the space as it is now. */
export async function change(space: Space, settings: SpaceSettings): Promise<Space> {
  const changed = await emit().spaces.edit(space.id, settings);
  queries.setQueryData(spaceOf(space.id).queryKey, changed);
  return changed;
}

export function SlackSettings({ space }: { space: Space }) {
  const [url, setUrl] = useState("");
  const [picked, setPicked] = useState<Slack["events"]>();
  const events = picked ?? space.slack?.events ?? ["dead"];
  const { busy, fault, run } = useBusy();
  const save = (slack: Slack | null, done: string) => run(async () => {
    await change(space, { slack });
    setUrl("");
    setPicked(undefined);
    say(done);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save({ webhookUrl: url, events }, "Slack is told from now on");
  };
  return (
    <Card title="Slack" aside={space.slack && <Button disabled={busy} onClick={() => save(null, "Slack is told no more")}>Turn off</Button>}>
      <form onSubmit={submit} className="space-y-4">
        <Field label="Incoming webhook" hint={space.slack ? `Now ${space.slack.webhookUrl}: a secret, and wanted again for any change.` : "From Slack: Apps, Incoming Webhooks."}><Input type="url" required value={url} onChange={(event) => setUrl(event.target.value)} placeholder="https://hooks.slack.com/services/…" /></Field>
        <fieldset>
          <legend className="mb-1 font-medium">When a job is</legend>
          <div className="flex flex-wrap gap-x-4">
            {SLACK_EVENTS.map((name) => (
              <label key={name} className="flex min-h-[28px] items-center gap-1.5"><input type="checkbox" className="size-4 accent-(--accent)" checked={events.includes(name)}
                onChange={() => setPicked(events.includes(name) ? events.filter((one) => one !== name) : [...events, name])} />{name}</label>
            ))}
          </div>
        </fieldset>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" disabled={busy || events.length === 0}>Save Slack</Button>
      </form>
    </Card>
  );
}

export function SigningSecret({ space }: { space: Space }) {
  const [asking, setAsking] = useState(false);
  const [secret, setSecret] = useState<string>();
  const { busy, fault, run } = useBusy();
  const rotate = () => run(async () => setSecret((await change(space, { webhookSecret: null })).webhookSecret));
  const close = () => (setAsking(false), setSecret(undefined));
  return (
    <Card title="Callbacks" aside={<Button onClick={() => setAsking(true)}>New secret…</Button>}>
      <p className="text-soft">Callbacks are signed with a secret of this space, after Standard Webhooks. A new one is shown once; the one before signs on for 24 hours.</p>
      <Dialog open={asking} onClose={close} title={secret ? "The new signing secret" : "A new signing secret?"}>
        {secret ? <Secret token={secret} onDone={close} /> : (
          <div className="space-y-4">
            <p className="text-soft">Whoever checks callbacks needs it within 24 hours: after that, the present secret signs no more.</p>
            {fault !== undefined && <ErrorNotice error={fault} />}
            <div className="flex justify-end gap-2"><Button onClick={close}>Cancel</Button><Button look="main" disabled={busy} onClick={rotate}>Make a new secret</Button></div>
          </div>
        )}
      </Dialog>
    </Card>
  );
}
