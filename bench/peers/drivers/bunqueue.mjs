// bunqueue over its own protocol, in Bun. Argument: the port. `durable` is its option that writes each job before the
// answer; without it jobs are written in the background.
import { Queue, Worker } from "bunqueue/client";
import { Endings, PROGRESS, RESULT, drive, fail, payload } from "./driver.mjs";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const options = { durable: true, removeOnComplete: true };

async function open(name, { clients, progress, phase }) {
  // Its client would join single adds into batches of its own; whoever wants batches here asks for them.
  const queue = new Queue(name, { connection, autoBatch: { enabled: false } });
  const endings = new Endings();
  let worker;

  async function create(numbers) {
    if (numbers.length === 1) await queue.add("encode", payload(numbers[0]), options);
    else await queue.addBulk(numbers.map((number) => ({ name: "encode", data: payload(number), opts: options })));
  }

  async function work(onStart) {
    async function process(job) {
      onStart?.(Number(job.data.number));
      if (progress) await job.updateProgress(PROGRESS.percent, PROGRESS.message);
      return RESULT;
    }
    worker = new Worker(name, process, { connection, concurrency: clients });
    worker.on("completed", () => endings.ended());
    worker.on("error", fail);
    worker.on("failed", (_job, error) => fail(error));
  }

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
