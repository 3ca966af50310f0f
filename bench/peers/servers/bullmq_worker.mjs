// A worker of BullMQ that reports progress when told. Arguments: its port, and that of Redis. The first message of a
// topic makes a job of that id; the time in a message is set anew here, where the call that is measured begins.
import { Queue } from "bullmq";
import { listening } from "./lines.mjs";

const [port, redis] = process.argv.slice(2).map(Number);
const queue = new Queue("progress", { connection: { host: "127.0.0.1", port: redis } });
await queue.waitUntilReady();
const jobs = new Map();

async function report(topic, message) {
  const job = await jobs.get(topic);
  const at = String(Math.round((performance.timeOrigin + performance.now()) * 1_000)).padStart(16, "0");
  await job.updateProgress(JSON.parse(message.replace(/"at":"\d{16}"/, `"at":"${at}"`)));
}

listening(port, (topic, message) => {
  if (!jobs.has(topic)) jobs.set(topic, queue.add("encode", {}, { jobId: topic }));
  report(topic, message);
});
