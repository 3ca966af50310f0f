// What the servers in Node share: an HTTP server where `POST /publish` brings lines of `topic <tab> message`.
import { createServer } from "node:http";

export function listening(port, publish) {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece) => {
      body += piece;
    });
    request.on("end", () => {
      for (const line of body.split("\n")) {
        if (line === "") continue;
        const tab = line.indexOf("\t");
        publish(line.slice(0, tab), line.slice(tab + 1));
      }
      response.end();
    });
  });
  server.listen(port, "127.0.0.1");
  return server;
}
