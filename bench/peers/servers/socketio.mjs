// socket.io: a topic is a room, joined by an event. Argument: the port. With the port of a Redis as the second, it is
// the glue between BullMQ's events and the users' browsers: a job's progress goes to the room of the job's name.
import { QueueEvents } from "bullmq";
import { Server } from "socket.io";
import { listening } from "./lines.mjs";

const [port, redis] = process.argv.slice(2).map(Number);

const server = listening(port, (topic, message) => io.to(topic).emit("message", JSON.parse(message)));
// Its own pings, which the load does not answer, wait until the load has gone.
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, pingInterval: 600_000 });
io.on("connection", (socket) => {
  socket.on("join", (topic) => {
    socket.join(topic);
    socket.emit("joined");
  });
});

if (redis) {
  const events = new QueueEvents("progress", { connection: { host: "127.0.0.1", port: redis } });
  events.on("progress", ({ jobId, data }) => io.to(jobId).emit("message", data));
  await events.waitUntilReady();
}
