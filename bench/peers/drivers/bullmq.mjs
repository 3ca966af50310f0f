// BullMQ. Argument: the port of Redis.
import { Queue, Worker } from "bullmq";
import { PROGRESS, drive } from "./driver.mjs";
import { session } from "./queue_and_worker.mjs";

const library = {
  connection: { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null },
  options: { removeOnComplete: true },
  report: (job) => job.updateProgress(PROGRESS),
  ready: (worker) => worker.waitUntilReady(),
};

await drive(async (name, asked) => {
  const queue = new Queue(name, { connection: library.connection });
  await queue.waitUntilReady();
  return session(queue, Worker, library, asked);
});
