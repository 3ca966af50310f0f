// Jobs as a busy shop would have them: some of every status, retries, logs, errors that differ by a number.
import { Emit, type Job, JobFailure, type NewJob } from "../../clients/typescript/src/index.ts";

const ERRORS = [
  (n: number) => `timeout after ${10 + (n % 30)}s talking to 10.0.0.${n % 200}`,
  (n: number) => `no such file: "input-${n}.mov"`,
  (n: number) => `HTTP 502 from payments (request ${n * 7919})`,
];

const job = (n: number): NewJob => {
  const name = ["video.encode", "video.thumbnail", "mail.send", "report.monthly", "invoice.charge"][n % 5]!;
  return {
    name, payload: { order: 1_000 + n, customer: { id: n % 50, plan: n % 3 ? "pro" : "free" }, formats: ["1080p", "720p"] },
    maxRetries: n % 3, tags: { customer: String(n % 50), region: n % 2 ? "eu" : "us" },
    ...(n % 41 === 7 && { scheduledFor: new Date(Date.now() + 3_600_000).toISOString() }),
  };
};

/** `total` jobs, of which a worker does most; the last few keep running until the returned function is called. */
export async function populate(url: string, token: string, space: string, total = 240): Promise<() => Promise<void>> {
  const emit = new Emit({ url, token, space });
  await emit.jobs.createMany(Array.from({ length: total }, (_, n) => job(n)));
  let over = () => {};
  const held = new Promise<void>((resolve) => (over = resolve));
  let done = 0;
  const work = async (job: Job, ctx: any) => {
    const n = (job.payload as any)?.order ?? 0;
    ctx.log("info", `starting ${job.name}`, { order: n });
    for (const percent of [10, 45, 80]) await ctx.progress({ percent, step: percent < 50 ? "reading" : "writing", parts: { video: { percent: Math.min(100, percent + 15) }, audio: { percent } } });
    await ctx.checkpoint({ page: 8, cursor: `c${n}` });
    if (++done > total - 60) await Promise.race([held, new Promise((resolve) => ctx.signal.addEventListener("abort", resolve))]);
    ctx.log(n % 7 === 0 ? "warn" : "debug", n % 7 === 0 ? "slow disk, trying again" : "wrote 3 files");
    if (n % 7 < 2) throw new JobFailure(ERRORS[n % 3]!(n), { retryable: n % 2 === 0 });
    return { ok: true, url: `https://cdn.example.com/${n}.mp4`, bytes: n * 1_024 };
  };
  const workers = ["encoder-eu-1", "encoder-us-1"].map((name) => {
    const worker = emit.worker({ concurrency: 4, name });
    for (const kind of ["video.encode", "video.thumbnail", "mail.send", "report.monthly", "invoice.charge"]) worker.handle(kind, work);
    void worker.run();
    return worker;
  });
  for (;;) {
    const { counts } = await emit.spaces.counts();
    if (counts.completed + counts.dead > total / 2 && counts.running === 8) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return async () => {
    over();
    await Promise.all(workers.map((worker) => worker.drain({ graceSeconds: 0 })));
  };
}
