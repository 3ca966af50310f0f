// bunqueue over its own protocol, in Bun. Argument: the port. `durable` is its option that writes each job before the
// answer; without it jobs are written in the background.
import { Queue, Worker } from "bunqueue/client";
import { PROGRESS, drive } from "./driver.mjs";
import { session } from "./queue_and_worker.mjs";

const library = {
  connection: { host: "127.0.0.1", port: Number(process.argv[2]) },
  options: { durable: true, removeOnComplete: true },
  report: (job) => job.updateProgress(PROGRESS.percent, PROGRESS.message),
};

await drive((name, asked) => {
  // Its client would join single adds into batches of its own; whoever wants batches here asks for them.
  const queue = new Queue(name, { connection: library.connection, autoBatch: { enabled: false } });
  return session(queue, Worker, library, asked);
});
