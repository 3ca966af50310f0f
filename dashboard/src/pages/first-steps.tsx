// A space without jobs: the next step, ready to be copied.
import { useState } from "react";
import { Card, CopyButton, cx } from "../ui/basics.tsx";

const LANGUAGES = ["curl", "TypeScript", "Python"] as const;

function snippet(language: (typeof LANGUAGES)[number], origin: string, space: string): string {
  if (language === "curl") {
    return `curl ${origin}/api/v1/spaces/${space}/jobs \\
  -H "x-api-key: $EMIT_KEY" -H "content-type: application/json" \\
  -d '{"name": "hello", "payload": {"to": "world"}}'`;
  }
  if (language === "TypeScript") {
    return `import { Emit } from "emit-client";

const emit = new Emit({ url: "${origin}", token: process.env.EMIT_KEY, space: "${space}" });
await emit.jobs.create({ name: "hello", payload: { to: "world" } });

// and a worker for it
emit.worker().handle("hello", async (job, ctx) => {
  await ctx.progress({ percent: 50 });
  return { greeting: \`Hello, \${job.payload.to}\` };
}).run();`;
  }
  return `import os, json, urllib.request

request = urllib.request.Request(
    "${origin}/api/v1/spaces/${space}/jobs",
    json.dumps({"name": "hello", "payload": {"to": "world"}}).encode(),
    {"x-api-key": os.environ["EMIT_KEY"], "content-type": "application/json"})
print(urllib.request.urlopen(request).read().decode())`;
}

export function FirstSteps({ space }: { space: string }) {
  const [language, setLanguage] = useState<(typeof LANGUAGES)[number]>("curl");
  const text = snippet(language, location.origin, space);
  return (
    <Card className="mt-4" title="Create the first job" aside={<CopyButton text={text} label="Copy the snippet">Copy</CopyButton>}>
      <p className="mb-3 text-soft">This space is empty. A job appears here the moment it is created, from whatever sends an HTTP request. The key needs the scope <code>jobs:create</code>.</p>
      <div role="tablist" aria-label="Language" className="mb-2 flex gap-1">
        {LANGUAGES.map((name) => (
          <button key={name} type="button" role="tab" aria-selected={name === language} onClick={() => setLanguage(name)}
            className={cx("rounded-md px-2.5 py-1", name === language ? "bg-accent-ground font-medium" : "text-soft hover:bg-sunken")}>{name}</button>
        ))}
      </div>
      <pre tabIndex={0} className="overflow-x-auto rounded-lg bg-sunken p-4 font-mono text-code leading-6">{text}</pre>
    </Card>
  );
}
