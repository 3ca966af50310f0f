"""OpenTelemetry traces: «by option, a job's trace continued from `traceparent` (parent on the first attempt, link on
retries)», taken by a collector of OTLP over HTTP that decodes what arrives with the standard's own schema."""

import contextlib
import http.server
import os
import queue
import socket
import ssl
import subprocess
import threading
import time

import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import harness
from calls import wait_for
from harness import BINARY, PATIENCE

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


class Collector:
    """Takes OTLP on /v1/traces and keeps every span, with its resource."""

    def __init__(self, answers: int = 200, tls: trustme.LeafCert | None = None):
        self.spans: list[Span] = []
        self.resources: list[dict] = []
        self.heads: queue.Queue = queue.Queue()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf":
                    outer.take(ExportTraceServiceRequest.FromString(body))
                outer.heads.put((self.path, dict(self.headers)))
                self.send_response(answers)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request):
        for batch in request.resource_spans:
            self.resources.append(attributes(batch.resource))
            for scope in batch.scope_spans:
                self.spans += scope.spans

    def of(self, job: str, kind=Span.SPAN_KIND_CONSUMER) -> list[Span]:
        found = [span for span in list(self.spans) if span.kind == kind and attributes(span).get("emit.job.id") == job]
        return sorted(found, key=lambda span: span.end_time_unix_nano)

    def wait(self, count: int, job: str, **kind) -> list[Span]:
        return wait_for(f"{count} spans", lambda: len(found := self.of(job, **kind)) >= count and found)


def attributes(thing) -> dict:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in thing.attributes}


@pytest.fixture(scope="module")
def collector():
    one = Collector()
    yield one
    one.server.shutdown()


@pytest.fixture(scope="module")
def traced(collector):
    """A server that sends its spans at once rather than every 5 s."""
    with harness.server("--otlp-endpoint", collector.origin, env={"OTEL_BSP_SCHEDULE_DELAY": "50"}) as one:
        yield one


def work(emit, space: str, *verbs, **fields) -> dict:
    """A job that one worker after another takes, and ends as the verbs say."""
    traceparent = fields.pop("traceparent", None)
    job = emit.call("POST", f"/spaces/{space}/jobs", {"name": "resize", **fields}, expect=201,
                    headers={"traceparent": traceparent} if traceparent else None).json()
    for verb in verbs:
        emit.call("POST", f"/spaces/{space}/jobs/poll", {}, headers={"x-emit-worker": "w1"}, expect=200)
        emit.report(job["id"], "ack")
        emit.report(job["id"], verb, {"error": "SECRETERROR"} if verb == "fail" else {"r": "SECRETRESULT"})
    return job


def test_an_attempt_goes_on_from_the_traceparent_and_a_retry_links_to_it(traced, collector):
    """«parent on the first attempt, link on retries»"""
    job = work(traced, traced.space()["id"], "fail", "complete", traceparent=SAMPLED, maxRetries=1)
    first, retry = collector.wait(2, job["id"])
    assert (first.trace_id.hex(), first.parent_span_id.hex(), list(first.links)) == (TRACE, PARENT, [])
    assert first.status.code == Status.STATUS_CODE_ERROR
    (link,) = retry.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE, PARENT)
    assert retry.trace_id.hex() != TRACE and not retry.parent_span_id
    assert retry.status.code != Status.STATUS_CODE_ERROR
    for span, attempt, outcome in ((first, 0, "retried"), (retry, 1, "completed")):
        told = attributes(span)
        assert span.name == "job resize" and [event.name for event in span.events] == ["acked"]
        assert (told["emit.job.attempt"], told["emit.job.outcome"], told["emit.worker.id"]) == (attempt, outcome, "w1")
        assert first.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= time.time_ns() + 10**9
    assert first.end_time_unix_nano <= retry.start_time_unix_nano
    assert "SECRET" not in str(collector.spans), "neither results nor errors are told"


@pytest.mark.parametrize("how", ["release", "kill", "timeout", "killed waiting"])
def test_every_end_of_a_stay_is_a_span(traced, collector, how):
    """«a job's life»: however a worker loses a job, and where it ends without one."""
    space = traced.space()["id"]
    if how == "timeout":
        job = traced.create(space, deliveryTimeoutSeconds=1)
        traced.poll(space)
        expected = "delivery_timeout"
    elif how == "killed waiting":
        job = traced.create(space)
        traced.report(job["id"], "kill")
        expected = "killed"
    else:
        job = traced.running(space)
        traced.report(job["id"], how)
        expected = {"release": "released", "kill": "killed"}[how]
    (span,) = collector.wait(1, job["id"])
    assert attributes(span)["emit.job.outcome"] == expected
    assert not span.parent_span_id and len(span.trace_id) == 16, "without a traceparent a trace of its own"


def test_what_is_not_sampled_is_not_sent(traced, collector):
    """The caller's decision counts, for its request, the attempt and the retry."""
    space = traced.space()["id"]
    silent = work(traced, space, "fail", "complete", traceparent=UNSAMPLED)
    # Spans leave in order: behind a later one nothing of the earlier job can come.
    collector.wait(1, work(traced, space, "complete")["id"])
    assert collector.of(silent["id"]) == []


def test_each_request_is_a_span_under_its_caller(traced, collector):
    """«spans for requests»"""
    job = traced.create(traced.space()["id"])
    answer = traced.call("POST", f"/jobs/{job['id']}/ack", headers={"traceparent": SAMPLED}, expect=409)
    (span,) = collector.wait(1, job["id"], kind=Span.SPAN_KIND_SERVER)
    told = attributes(span)
    assert span.name == "POST /api/v1/jobs/{jobId}/ack" and told["http.route"] == "/api/v1/jobs/{jobId}/ack"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert (told["http.response.status_code"], told["error.type"]) == (409, "wrong_state")
    assert told["emit.request.id"] == answer.headers["x-request-id"]
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < PATIENCE * 10**9
    assert {resource["service.name"] for resource in collector.resources} == {"emit"}
    traced.call("GET", f"/realtime/{job['id']}?token={harness.ADMIN_KEY}", key=None, expect=426)
    collector.wait(2, job["id"], kind=Span.SPAN_KIND_SERVER)
    assert harness.ADMIN_KEY not in str(collector.spans)


def test_the_standard_variables_hold_and_the_last_spans_are_sent():
    """«`--otlp-endpoint` or the standard OTEL_ variables»; a drain sends what is left."""
    collector = Collector()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.origin, "OTEL_SERVICE_NAME": "jobs-eu",
           "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a", "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with harness.server(env=env) as emit:
        job = work(emit, emit.space()["id"], "complete")
        assert collector.spans == []
        assert emit.stop() == 0
    assert len(collector.of(job["id"])) == 1 and collector.resources[0]["service.name"] == "jobs-eu"
    path, head = collector.heads.get()
    assert path == "/v1/traces" and head["x-tenant"] == "a" and "x-api-key" not in map(str.lower, head)
    with harness.server(env=env | {"OTEL_SDK_DISABLED": "true"}) as emit:
        work(emit, emit.space()["id"], "complete")
        before = len(collector.spans)
        assert emit.stop() == 0
    assert len(collector.spans) == before


def test_a_collector_over_https(tmp_path):
    """It is one that the machine trusts, by its address; another one gets nothing."""
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    env = {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "OTEL_BSP_SCHEDULE_DELAY": "50"}
    collector = Collector(tls=trusted.issue_cert("127.0.0.1"))
    with harness.server("--otlp-endpoint", collector.origin, env=env) as emit:
        collector.wait(1, work(emit, emit.space()["id"], "complete")["id"])
    for wrong in (trustme.CA().issue_cert("127.0.0.1"), trusted.issue_cert("elsewhere.example")):
        collector = Collector(tls=wrong)
        with harness.server("--otlp-endpoint", collector.origin, env=env) as emit:
            work(emit, emit.space()["id"], "complete")
            wait_for("the log", lambda: "did not reach the collector" in emit.output())
        assert collector.spans == []


@pytest.mark.parametrize("said", ["did not reach the collector", "the collector refused"])
def test_a_collector_that_fails_costs_nothing_but_its_spans(said):
    """The engine never waits for it, and the log says so."""
    with contextlib.ExitStack() as stack:
        if "refused" in said:
            origin = Collector(500).origin
        else:
            # A port that is taken and does not listen.
            silent = stack.enter_context(socket.socket())
            silent.bind(("127.0.0.1", 0))
            origin = f"http://127.0.0.1:{silent.getsockname()[1]}"
        emit = stack.enter_context(
            harness.server("--otlp-endpoint", origin, env={"OTEL_BSP_SCHEDULE_DELAY": "50"}))
        space = emit.space()["id"]
        for _ in range(20):
            work(emit, space, "complete")
        wait_for("the log", lambda: said in emit.output())
        assert emit.stop() == 0


def test_an_address_that_cannot_be_meant_is_refused(tmp_path):
    for flags, variables in ((["--otlp-endpoint", "collector"], {}), ([], {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://c"})):
        done = subprocess.run([BINARY, "serve", *flags], env=os.environ | variables, capture_output=True, text=True,
                              cwd=tmp_path, timeout=PATIENCE)
        assert done.returncode == 2 and "http://" in done.stderr
