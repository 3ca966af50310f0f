"""`/api/asyncapi.json` (3.0) against the standard's own schema, and against the messages that streams really send."""

import http.server
import json
import threading

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

import browser
import harness
from streams import in_seconds, sse

#: Events of outbound calls, which have a test of their own: they need somebody to call.
OUTBOUND = {"callback_sent", "callback_failed"}


@pytest.fixture(scope="module")
def description(emit):
    return emit.http.get(f"{emit.origin}/api/asyncapi.json").json()


def messages(description, channel: str) -> dict:
    """The payload's schema of each type on a channel."""
    named = description["channels"][channel]["messages"]
    found = [description["components"]["messages"][one["$ref"].rsplit("/", 1)[1]] for one in named.values()]
    return {message["payload"]["properties"]["type"]["const"]: message["payload"] for message in found}


def check(schemas: dict, message: dict) -> None:
    """It is described, has all that its description asks for and nothing else, in that order."""
    schema = schemas[message["type"]]
    Draft202012Validator(schema).validate(message)
    assert set(message) == set(schema["properties"]), message


def test_it_is_asyncapi_3(description):
    """Against the schema that the standard publishes."""
    folder = browser.installed() / "node_modules" / "@asyncapi" / "specs" / "schemas"
    schema = json.loads((folder / "3.0.0.json").read_text())
    errors = [f"{error.json_path}: {error.message[:200]}" for error in Draft7Validator(schema).iter_errors(description)]
    assert errors == []
    for message in description["components"]["messages"].values():
        Draft202012Validator.check_schema(message["payload"])


def test_it_names_the_server_and_the_routes(emit, description):
    server = description["servers"]["here"]
    assert f"{server['protocol']}://{server['host']}" == f"ws://127.0.0.1:{emit.port}"
    routes = emit.http.get(f"{emit.origin}/api/openapi.json").json()["paths"]
    assert {channel["address"] for channel in description["channels"].values()} <= set(routes)
    for channel in description["channels"].values():
        documented = {one["name"] for one in routes[channel["address"]]["get"]["parameters"] if one["in"] == "query"}
        assert documented - set(channel["bindings"]["ws"]["query"]["properties"]) == set()


def live(emit, space: str) -> str:
    """Every event there is but those of outbound calls; the job with most of them, and its last words."""
    full = emit.create(space, "full", maxRetries=1, deliveryTimeoutSeconds=1, scheduledFor=in_seconds(0.2))["id"]
    emit.poll(space, waitSeconds=30)  # delivered, and never acked: its timeout passes
    taken = emit.poll(space, waitSeconds=30)[0]["id"]
    assert taken == full
    emit.report(full, "release")
    emit.call("PATCH", f"/jobs/{full}", {"priority": 3}, expect=200)
    for last in ("fail", "fail"):
        emit.poll(space, waitSeconds=30)
        emit.report(full, "ack")
        emit.report(full, "progress", {"percent": 1})
        emit.report(full, "checkpoint", {"at": 1})
        emit.report(full, "event", {"any": [1]})
        emit.report(full, "logs", {"lines": [{"level": "info", "message": "m"}]})
        emit.report(full, last, {"error": "broken"})
    emit.report(full, "requeue")
    emit.report(full, "kill", {"reason": "enough"})
    done = emit.running(space)["id"]
    emit.report(done, "complete", [1, "any"])
    emit.call("DELETE", f"/jobs/{done}", expect=204)
    return full


def collect(emit, path: str, key: str, query: str, last: str) -> list[dict]:
    with sse(emit, path, key=key, query=query) as stream:
        return stream.until(last)


def test_every_message_is_as_described(emit, description):
    """«tested against real messages»: on each channel every type is seen, live and replayed, in both views."""
    space = emit.space()["id"]
    schemas = {channel: messages(description, channel) for channel in ("space", "job", "jobProgress")}
    with emit.ws(f"spaces/{space}", query="snapshot=true") as socket:
        connected = harness.receive(socket)
        job = live(emit, space)
        seen = [connected, *harness.receive_until(socket, "erased")]
    seen += collect(emit, f"spaces/{space}", harness.ADMIN_KEY, "since=999999", "gap")
    for message in seen:
        check(schemas["space"], message)
    assert set(schemas["space"]) - {message["type"] for message in seen} == OUTBOUND
    for channel, key in (("job", harness.ADMIN_KEY), ("jobProgress", emit.public_token(space))):
        seen = collect(emit, job, key, "", "killed") + collect(emit, job, key, "since=0", "killed")
        seen += collect(emit, job, key, "since=999999", "gap")
        for message in seen:
            check(schemas[channel], message)
        of_one = {message["type"] for message in seen}
        # This job was killed: it neither completed nor was erased.
        assert set(schemas[channel]) - of_one == OUTBOUND | {"completed", "erased"}, channel


@pytest.mark.parametrize("status, event", [(200, "callback_sent"), (410, "callback_failed")])
def test_messages_about_callbacks_are_as_described(description, status, event):
    """The same for what a receiver's answer causes; 410 ends the tries."""
    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        with harness.server("--allow-private-destinations", "127.0.0.1/32") as emit:
            space = emit.space()["id"]
            job = emit.create(space, callbackUrl=f"http://127.0.0.1:{receiver.server_port}/end")["id"]
            emit.report(job, "kill")
            for channel, key in (("job", harness.ADMIN_KEY), ("jobProgress", emit.public_token(space))):
                told = collect(emit, job, key, "since=0", event)[-1]
                check(messages(description, channel), told)
        receiver.shutdown()
