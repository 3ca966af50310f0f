"""The log: «JSON or plain logs with request ids, each message readable alone», and «Secrets never appear in logs»."""

import json
import re

import httpx

import harness
from calls import wait_for
from harness import ADMIN_KEY
from streams import refused, sse


def lines_of(emit, request_id: str) -> list[str]:
    return [line for line in emit.output().splitlines() if request_id in line]


def line(emit, answer: httpx.Response) -> str:
    """The one line of a request, found by the id that its answer carries."""
    (only,) = wait_for("its line", lambda: lines_of(emit, answer.headers["x-request-id"]))
    return only


def test_each_request_is_one_json_object():
    with harness.server("--log-format", "json", "--log", "info,emit_server::http=debug") as emit:
        # What a first start tells people, with or without a key, is no log.
        logged = emit.output()[emit.output().index("{\"timestamp"):]
        space = emit.space("small", maxPending=1)["id"]
        fine = emit.call("POST", f"/spaces/{space}/jobs", {"name": "n"}, expect=201)
        job = fine.json()["id"]
        said = json.loads(line(emit, fine))
        token = emit.call("GET", "/me", expect=200).json()["tokenId"]
        assert (said["level"], said["token"]) == ("DEBUG", token) and said["ms"] > 0
        assert said["message"] == "POST /api/v1/spaces/{spaceId}/jobs answered 201"
        told = json.loads(line(emit, emit.call("POST", f"/jobs/{job}/ack", expect=409)))
        assert (told["level"], told["job"]) == ("INFO", job)
        assert told["message"] == "POST /api/v1/jobs/{jobId}/ack was refused: 409 wrong_state"
        failed = json.loads(line(emit, emit.call("POST", f"/spaces/{space}/jobs", {"name": "n"}, expect=503)))
        assert failed["level"] == "ERROR" and "503 queue_full" in failed["message"]
        lost = json.loads(line(emit, emit.call("GET", f"/{ADMIN_KEY}", expect=404)))
        assert lost["message"] == "GET an unknown address was refused: 404 not_found" and ADMIN_KEY not in emit.output()
        assert emit.stop() == 0
        logged = emit.output()[emit.output().index(logged[:40]):]
        levels = [json.loads(one)["level"] for one in logged.splitlines()]
        assert {"DEBUG", "INFO", "ERROR"} == set(levels)
        assert '"message":"stopped"' in logged


def test_plain_lines_say_the_same_and_only_what_the_level_lets_through():
    with harness.server(env={"EMIT_LOG": "info"}) as emit:
        fine = emit.call("GET", "/me", expect=200)
        told = line(emit, emit.call("GET", "/me", key="emit_unknown", expect=401))
        assert re.search(r"INFO GET /api/v1/me was refused: 401 invalid_key", told)
        assert lines_of(emit, fine.headers["x-request-id"]) == []


def test_no_secret_is_ever_logged():
    """«Secrets never appear in logs»: wherever a key or a payload may stand, and whatever is logged."""
    secrets = [ADMIN_KEY]

    def secret(prefix: str = "hidden-") -> str:
        secrets.append(f"{prefix}{len(secrets):02}" + "Zq7" * 10)
        return secrets[-1]

    with harness.server("--log", "trace") as emit:
        space = emit.space()["id"]
        key, public = emit.token(space, ["jobs:worker", "jobs:create"]), emit.public_token(space)
        secrets += [key, public]
        made = emit.call("POST", f"/spaces/{space}/jobs", {
            "name": "n", "payload": secret(), "tags": {"t": secret()}, "idempotencyKey": secret()}, key=key, expect=201)
        job = made.json()["id"]
        minted = emit.call("POST", f"/jobs/{job}/tokens", {"expiresInSeconds": 60}, expect=201).json()["token"]
        secrets.append(minted)
        emit.call("GET", "/me", key=None, headers={"authorization": f"Bearer {key}"}, expect=200)
        emit.call("GET", f"/me?token={secret('emit_')}", key=None, expect=401)
        emit.call("GET", "/me", key=secret("emit_"), expect=401)
        emit.call("GET", f"/nothing/{secret('emit_')}?token={secret('emit_')}", expect=404)
        emit.call("GET", f"/jobs/{secret()}", expect=404)
        # httpx makes capitals of a method.
        secrets.append(secret("emit_").upper())
        emit.call(secrets[-1], "/me", expect=405)
        emit.call("POST", f"/jobs/{job}/ack", headers={"x-emit-delivery": secret()}, expect=409)
        emit.call("POST", f"/spaces/{space}/jobs", {"name": 1, secret(): secret()}, expect=422)
        emit.call("POST", f"/spaces/{space}/jobs", f'{{"{secret()}', expect=400)
        refused(emit, job, 401, key=secret("emit_"))
        with emit.ws(job, public) as socket, emit.ws(job, None, subprotocols=["emit.v1", f"emit.token.{minted}"]):
            harness.receive(socket)
        with sse(emit, job, key=None, query=f"token={public}&since=0") as stream:
            stream.message()
        delivered = emit.poll(space)[0]
        emit.report(job, "ack", delivery=delivered["deliveryId"])
        emit.report(job, "progress", {"p": secret()})
        emit.report(job, "logs", {"lines": [{"level": "info", "message": secret()}]})
        emit.report(job, "fail", {"error": secret(), "retryable": False})
        last = emit.call("GET", "/nothing", expect=404)
        line(emit, last)
        assert emit.stop() == 0
        for one in secrets:
            assert one not in emit.output(), f"{one} was logged"
        assert "DEBUG" in emit.output(), "the level lets the requests through"
