"""A client of the Emit protocol, written from docs/protocol.md alone; the numbers in brackets are its sections.

It needs Python 3.11 and, for watching, the package `websockets`. It is an example of what a client owes, and short
enough to be rewritten in any language.
"""

import contextlib
import http.client
import json
import random
import threading
import time
import urllib.parse
import uuid

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

#: After these the stream has nothing more to say [8.9].
DONE, KEY_IS_OVER, DELETED = 1000, 4401, 4404


class Problem(Exception):
    """An answer that is an error [4.1]."""

    def __init__(self, problem, retry_after=0.0):
        super().__init__(f"{problem['status']} {problem['code']}: {problem['detail']} (request {problem['requestId']})")
        self.status, self.code, self.retry_after = problem["status"], problem["code"], retry_after


class Lost(Exception):
    """The job is another worker's, or nobody's any more [7.5]."""


def pauses():
    """From 0.5 s, doubling up to 30 s, each varied by a half [4.5]."""
    pause = 0.5
    while True:
        yield pause * random.uniform(0.5, 1.5)
        pause = min(2 * pause, 30)


class Client:
    """One connection and one key; not for several threads at once."""

    def __init__(self, url, key, patience=60):
        self.url, self.key, self.patience = urllib.parse.urlsplit(url), key, patience
        self.connection = None

    def call(self, method, path, body=None, headers=None, wait=0):
        """One request, repeated until it is answered. Callers see to it that it is safe to repeat [4.4]."""
        end = time.monotonic() + self.patience + wait
        for pause in pauses():
            try:
                return self.once(method, path, body, headers or {}, wait)
            except (OSError, http.client.HTTPException):
                self.connection = None
                if time.monotonic() > end:
                    raise
            except Problem as problem:
                if problem.status not in (408, 429, 500, 503) or time.monotonic() > end:
                    raise
                pause = problem.retry_after or pause
            time.sleep(pause)

    def once(self, method, path, body, headers, wait):
        if self.connection is None:
            secure = self.url.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            # Longer than the server may take on purpose [6.1].
            self.connection = kind(self.url.netloc, timeout=30 + wait)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json", **headers}
        text = None if body is None else json.dumps(body)
        self.connection.request(method, f"{self.url.path}/api/v1{path}", text, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status < 300:
            return json.loads(content) if content else None
        raise Problem(json.loads(content), float(answer.headers.get("retry-after", 0)))

    # -- producers [5] ----------------------------------------------------------------------------------------------

    def create(self, space, name, payload=None, **fields):
        """A job, made once however often the request has to be said [5.3]."""
        job = {"name": name, "payload": payload, "idempotencyKey": str(uuid.uuid4()), **fields}
        return self.call("POST", f"/spaces/{space}/jobs", job)

    def result(self, job_id):
        """The job once it has ended [5.5]."""
        while True:
            job = self.call("GET", f"/jobs/{job_id}?waitSeconds=30", wait=30)
            if job["status"] in ("completed", "dead", "killed"):
                return job

    # -- workers [6, 7] ---------------------------------------------------------------------------------------------

    def poll(self, space, names, wait=30):
        body = {"names": names, "waitSeconds": wait}
        return [Delivery(self, job) for job in self.call("POST", f"/spaces/{space}/jobs/poll", body, wait=wait)["jobs"]]

    def work(self, space, handlers, stop):
        """Takes jobs until told to stop. `handlers`: a function of a delivery for each job's name; what it returns is the
        result, what it raises the error."""
        while not stop.is_set():
            for delivery in self.poll(space, list(handlers)):
                with contextlib.suppress(Lost), delivery.alive():
                    try:
                        result = handlers[delivery.job["name"]](delivery)
                    except Lost:
                        raise
                    except Exception as error:
                        delivery.report("fail", {"error": f"{type(error).__name__}: {error}"})
                    else:
                        delivery.report("complete", result)

    # -- watchers [8] -----------------------------------------------------------------------------------------------

    def watch(self, path, since=None):
        """Every message of a stream in order, over restarts of the server and breaks of the network [8.7]. `path`: a job's
        id, or `spaces/` and a space's."""
        scheme = "wss" if self.url.scheme == "https" else "ws"
        address = f"{scheme}://{self.url.netloc}{self.url.path}/api/v1/realtime/{path}"
        headers = {"authorization": f"Bearer {self.key}"}
        waits = pauses()
        while True:
            try:
                query = "" if since is None else f"?since={since}"
                with connect(address + query, additional_headers=headers, compression=None, max_size=2**20) as socket:
                    for text in socket:
                        message = json.loads(text)
                        since, waits = message["seq"], pauses()
                        yield message
                return
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else None
                if code in (DONE, KEY_IS_OVER, DELETED):
                    return
            except InvalidStatus as refusal:
                problem = Problem(json.loads(refusal.response.body))
                if problem.status not in (429, 500, 503):
                    raise problem from None
            except (OSError, InvalidHandshake):
                pass
            time.sleep(next(waits))


class Delivery:
    """A worker's right to one attempt at a job [6.2]."""

    def __init__(self, client, job):
        # Signs of life come from a thread of their own, and over a connection of their own.
        self.client, self.job = Client(client.url.geturl(), client.key, client.patience), job
        self.lock, self.is_lost = threading.Lock(), False

    def report(self, verb, body=None):
        """Says it until it is heard; `Lost` if it is not wanted any more [7.4, 7.5]."""
        headers = {"x-emit-delivery": self.job["deliveryId"]}
        with self.lock:
            if self.is_lost:
                raise Lost(self.job["id"])
            try:
                return self.client.call("POST", f"/jobs/{self.job['id']}/{verb}", body, headers)
            except Problem as problem:
                if problem.status == 409:
                    self.is_lost = True
                    raise Lost(f"{self.job['id']}: {problem}") from problem
                raise

    def progress(self, **data):
        self.report("progress", data)

    @contextlib.contextmanager
    def alive(self):
        """Acks, and shows a sign of life every third of the job's timeout while the work goes on [6.4, 7.2]."""
        if self.report("ack")["status"] != "running":
            # The answer to a repeat: the attempt has ended meanwhile.
            raise Lost(self.job["id"])
        over = threading.Event()

        def beat():
            while not over.wait(self.job["timeoutSeconds"] / 3):
                with contextlib.suppress(Lost):
                    self.report("keepalive")

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield self
        finally:
            over.set()
            beating.join()
