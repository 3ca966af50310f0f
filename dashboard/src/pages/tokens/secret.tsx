// A secret, shown once.
import { Button, CopyButton, Input, Notice } from "../../ui/basics.tsx";

export function Secret({ token, onDone }: { token: string; onDone: () => void }) {
  return (
    <div className="space-y-4">
      <Notice tone="warn">Copy it now: it is stored as a hash and can never be shown again.</Notice>
      <div className="flex gap-2"><Input readOnly aria-label="The new key" value={token} onFocus={(event) => event.target.select()} className="font-mono text-code" /><CopyButton text={token} label="Copy the key" look="main">Copy</CopyButton></div>
      <div className="flex justify-end"><Button onClick={onDone}>Done</Button></div>
    </div>
  );
}
