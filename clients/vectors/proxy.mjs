// A proxy that spoils connections on purpose: node proxy.mjs http://127.0.0.1:8080
//
// Prints the line `listening on URL`. `POST /-/faults` replaces its faults, all of them off where left out:
//   delayMs         every request and every message of a stream comes that much later
//   doubleRequests  what is no GET reaches the server twice; the second answer is the client's
//   doubleMessages  every message of a stream comes twice
//   holdAnswersMs   every answer comes that much later
//   refuse          the next so many requests and streams are answered as by a server that starts, and reach nobody
//   cutAnswers      the next so many requests that are no GET reach the server, and their answers nobody
//   cutStreamsAfter every stream breaks off after so many messages
//   path            requests and answers are spoiled only where the path has this in it
// It is gone when its standard input ends.
import { createServer, request } from "node:http";
import { connect } from "node:net";

const target = new URL(process.argv[2]);
let faults = {};
/** A lull before a cut, so that what came before it is mostly read. */
const CUT_AFTER_MS = 30;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms ?? 0));
const spoils = (incoming) => incoming.method !== "GET" && incoming.url.includes(faults.path ?? "");

const PROBLEM = { "content-type": "application/problem+json" };
const STARTING = JSON.stringify({ type: "/errors/store_unavailable", title: "Not now", status: 503, detail: "", code: "store_unavailable", requestId: "" });
const refuses = () => faults.refuse > 0 && faults.refuse-- > 0;

async function bodyOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function forward(incoming, body) {
  return new Promise((resolve, reject) => {
    const { method, url: path, headers } = incoming;
    const outgoing = request({ host: target.hostname, port: target.port, method, path, headers }, resolve);
    outgoing.on("error", reject).end(body);
  });
}

/** Passes on the messages of a stream, whole ones, and its end, until it is to be cut. */
function pass(split, write, cut, end) {
  let rest = Buffer.alloc(0);
  let count = 0;
  let over = false;
  let order = Promise.resolve();
  const { delayMs, doubleMessages, cutStreamsAfter } = faults;
  const closed = () => (order = order.then(() => pause(delayMs)).then(() => over || end()));
  const data = (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let found = split(rest); found; found = split(rest)) {
      const message = rest.subarray(0, found.length);
      rest = rest.subarray(found.length);
      order = order.then(() => pause(delayMs)).then(() => {
        if (over) return;
        over = cutStreamsAfter !== undefined && count >= cutStreamsAfter;
        // Readers throw away what they have not yet taken in when a connection breaks.
        if (over) return pause(CUT_AFTER_MS).then(cut);
        write(message);
        if (!found.counts) return;
        count++;
        if (doubleMessages) write(message);
      });
    }
  };
  return { data, closed };
}

/** One frame from a server: never masked. Only text counts. */
function frame(bytes) {
  if (bytes.length < 2) return;
  const short = bytes[1] & 127;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < head) return;
  const size = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  return bytes.length < head + size ? undefined : { length: head + size, counts: (bytes[0] & 15) === 1 };
}

/** One server-sent event or comment. */
function sse(bytes) {
  const end = bytes.indexOf("\n\n");
  return end < 0 ? undefined : { length: end + 2, counts: bytes.subarray(0, end).includes("data:") };
}

const server = createServer(async (incoming, answer) => {
  try {
    const body = await bodyOf(incoming);
    if (incoming.url === "/-/faults") {
      faults = JSON.parse(body);
      return answer.writeHead(204).end();
    }
    if (refuses()) return answer.writeHead(503, PROBLEM).end(STARTING);
    const spoilt = spoils(incoming);
    await pause(faults.delayMs);
    if (spoilt && faults.doubleRequests) await bodyOf(await forward(incoming, body));
    const got = await forward(incoming, body);
    if (String(got.headers["content-type"]).startsWith("text/event-stream")) {
      answer.writeHead(got.statusCode, got.headers).flushHeaders();
      const cut = () => (got.destroy(), answer.socket?.end());
      const events = pass(sse, (message) => answer.write(message), cut, () => answer.end());
      got.on("error", cut).on("data", events.data).on("close", events.closed);
      return void answer.on("error", cut).on("close", () => got.destroy());
    }
    const whole = await bodyOf(got);
    await pause(spoils(incoming) ? faults.holdAnswersMs : 0);
    if (spoilt && faults.cutAnswers > 0) {
      faults.cutAnswers--;
      return incoming.socket.destroy();
    }
    answer.writeHead(got.statusCode, got.headers).end(whole);
  } catch {
    // The server is gone: so is the connection.
    incoming.socket.destroy();
  }
});

server.on("upgrade", async (incoming, client, head) => {
  if (refuses()) return client.end(`HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  await pause(faults.delayMs);
  const upstream = connect(Number(target.port), target.hostname);
  const cut = () => (client.destroy(), upstream.destroy());
  const soft = () => (upstream.destroy(), client.end());
  const frames = pass(frame, (message) => client.write(message), soft, () => client.end());
  upstream.on("error", cut).on("close", frames.closed);
  client.on("error", cut).on("close", cut);
  const lines = [`GET ${incoming.url} HTTP/1.1`];
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`);
  upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
  upstream.write(head);
  client.pipe(upstream);
  let upgraded = false;
  let before = Buffer.alloc(0);
  upstream.on("data", (chunk) => {
    if (upgraded) return frames.data(chunk);
    before = Buffer.concat([before, chunk]);
    const end = before.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!before.subarray(0, 12).toString().endsWith("101")) return client.write(before.subarray(0));
    upgraded = true;
    client.write(before.subarray(0, end + 4));
    frames.data(before.subarray(end + 4));
  });
});

server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.stdin.resume().on("end", () => process.exit(0));
