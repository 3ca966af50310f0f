// pg-boss: lives by its calls send, fetch and complete, which are faster than its polling workers; latency by those
// workers, woken by NOTIFY. Argument: the database's URL.
import { PgBoss } from "pg-boss";
import { RESULT, drive, fail, payload } from "./driver.mjs";

// PostgreSQL takes 100 connections by default; more than these only made it slower.
const CONNECTIONS = 32;
const POLLING_SECONDS_MIN = 0.5;

const boss = new PgBoss({
  connectionString: process.argv[2],
  max: CONNECTIONS,
  useListenNotify: true,
  supervise: false,
  schedule: false,
});
boss.on("error", fail);
await boss.start();
const made = new Set();

async function open(queue, { clients, phase }) {
  if (!made.has(queue)) await boss.createQueue(queue, { notify: phase === "latency" });
  made.add(queue);
  let worker;

  async function create(numbers) {
    if (numbers.length === 1) await boss.send(queue, payload(numbers[0]));
    else await boss.insert(queue, numbers.map((number) => ({ data: payload(number) })));
  }

  return {
    create,
    async live(numbers) {
      await create(numbers);
      for (let left = numbers.length; left > 0; ) {
        const jobs = await boss.fetch(queue, { batchSize: left });
        if (jobs.length === 0) continue;
        const ids = jobs.map(({ id }) => id);
        await boss.complete(queue, ids.length === 1 ? ids[0] : ids, RESULT);
        left -= jobs.length;
      }
    },
    async work(onStart) {
      const options = {
        localConcurrency: clients,
        batchSize: 1,
        pollingIntervalSeconds: POLLING_SECONDS_MIN,
        notifyPollingIntervalSeconds: POLLING_SECONDS_MIN,
      };
      worker = await boss.work(queue, options, async ([job]) => onStart(Number(job.data.number)));
    },
    async close() {
      if (worker) await boss.offWork(queue);
    },
  };
}

await drive(open);
