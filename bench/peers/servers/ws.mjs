// npm `ws`: the path of a socket is its topic, and a message is sent to each in turn. Argument: the port.
import { WebSocketServer } from "ws";
import { listening } from "./lines.mjs";

const topics = new Map();

const server = listening(Number(process.argv[2]), (topic, message) => {
  // A buffer is framed without being encoded anew for each socket.
  const bytes = Buffer.from(message);
  for (const socket of topics.get(topic) ?? []) socket.send(bytes, { binary: false });
});

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, request) => {
  const topic = request.url.slice(1);
  if (!topics.has(topic)) topics.set(topic, new Set());
  topics.get(topic).add(socket);
  socket.on("close", () => topics.get(topic).delete(socket));
  socket.on("error", () => {});
});
