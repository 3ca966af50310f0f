// BullMQ: a queue that adds, and a worker of its own, as its users have them. Argument: the port of Redis.
import { Queue, Worker } from "bullmq";
import { Endings, PROGRESS, RESULT, drive, fail, payload } from "./driver.mjs";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };

async function open(name, { clients, progress, phase }) {
  const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true } });
  const endings = new Endings();
  let worker;

  async function create(numbers) {
    if (numbers.length === 1) await queue.add("encode", payload(numbers[0]));
    else await queue.addBulk(numbers.map((number) => ({ name: "encode", data: payload(number) })));
  }

  async function work(onStart) {
    async function process(job) {
      onStart?.(Number(job.data.number));
      if (progress) await job.updateProgress(PROGRESS);
      return RESULT;
    }
    worker = new Worker(name, process, { connection, concurrency: clients });
    worker.on("completed", () => endings.ended());
    worker.on("error", fail);
    worker.on("failed", (_job, error) => fail(error));
    await worker.waitUntilReady();
  }

  await queue.waitUntilReady();
  if (phase === "lives") await work();
  return {
    create,
    work,
    async live(numbers) {
      await create(numbers);
      await endings.take(numbers.length);
    },
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}

await drive(open);
