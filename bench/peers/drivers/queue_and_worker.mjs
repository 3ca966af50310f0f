// Libraries of BullMQ's shape: a queue that adds, and a worker of its own, as their users have them.
import { Endings, RESULT, fail, payload } from "./driver.mjs";

/** A session. `report` tells a job's progress; `ready`: how the library says that a worker listens. */
export async function session(queue, Worker, { connection, options, report, ready }, { clients, progress, phase }) {
  const endings = new Endings();
  let worker;

  async function create(numbers) {
    if (numbers.length === 1) await queue.add("encode", payload(numbers[0]), options);
    else await queue.addBulk(numbers.map((number) => ({ name: "encode", data: payload(number), opts: options })));
  }

  async function work(onStart) {
    async function process(job) {
      onStart?.(Number(job.data.number));
      if (progress) await report(job);
      return RESULT;
    }
    worker = new Worker(queue.name, process, { connection, concurrency: clients });
    worker.on("completed", () => endings.ended());
    worker.on("error", fail);
    worker.on("failed", (_job, error) => fail(error));
    await ready?.(worker);
  }

  if (phase === "lives") await work();
  return {
    create,
    work,
    live: endings.live(create),
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}
