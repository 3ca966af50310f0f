// A link for somebody without a key: it carries a throw-away token, bound to this job, in its fragment, which no browser
// sends to any server.
import type { Job } from "emit-client";
import { useEffect, useState } from "react";
import { emit } from "../../api.ts";
import { Button, CopyButton, ErrorNotice, Field, INPUT, Input } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";

const LIVES: [number, string][] = [[3_600, "1 hour"], [8 * 3_600, "8 hours"], [86_400, "24 hours"]];

export function Share({ job, open, onClose }: { job: Job; open: boolean; onClose: () => void }) {
  const [seconds, setSeconds] = useState(3_600);
  const [link, setLink] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  useEffect(() => {
    if (open) (setLink(undefined), setFault(undefined));
  }, [open]);
  const make = async () => {
    try {
      const { token } = await emit().jobs.mintToken(job.id, seconds);
      setLink(`${location.origin}/watch/${job.id}#${token}`);
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Dialog open={open} onClose={onClose} title="Share this job">
      <div className="space-y-4">
        <p className="text-soft">Whoever has the link sees this job’s status and progress, live, and nothing else: no payload, no result, no other job.</p>
        {link ? (
          <div className="flex gap-2"><Input readOnly aria-label="Link" value={link} onFocus={(event) => event.target.select()} className="font-mono text-xs" /><CopyButton text={link} label="Copy the link" look="main">Copy</CopyButton></div>
        ) : (
          <>
            <Field label="It works for"><select value={seconds} onChange={(event) => setSeconds(Number(event.target.value))} className={INPUT}>{LIVES.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select></Field>
            <Button look="main" onClick={make}>Make a link</Button>
          </>
        )}
        {fault !== undefined && <ErrorNotice error={fault} />}
      </div>
    </Dialog>
  );
}
