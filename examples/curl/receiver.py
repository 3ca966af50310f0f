"""A receiver of callbacks in a few lines: prints its URL, then each request's signature check and body; answers 204.

Real receivers take a library of Standard Webhooks for the check; by hand it is these few lines.
"""

import base64
import hashlib
import hmac
import http.server
import sys

KEY = base64.b64decode(sys.argv[1].removeprefix("whsec_"))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        given = self.headers["webhook-signature"].split(" ")
        print("valid" if any(hmac.compare_digest(one, expected) for one in given) else "forged", flush=True)
        print(body.decode(), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
