"""Section 7: «`emit key create --admin` makes one on the machine itself, so a lost key is not final»; «`emit key create`
asks [the server] over a socket in the data folder»."""

import concurrent.futures
import json
import os
import re
import socket
import subprocess
import threading

import pytest

import harness
from calls import NOBODY, in_seconds, problem
from harness import ADMIN_KEY, BINARY, PATIENCE, Server

SECRET = re.compile(r"emit_[0-9A-Za-z]{32}\n")


def create(data, *words, code=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMIT_")}
    done = subprocess.run([BINARY, "key", "create", "--data", data, *words], env=env, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == code, done
    if code == 0:
        assert SECRET.fullmatch(done.stdout) and done.stdout.strip() not in done.stderr
        return done.stdout.strip()
    assert done.stdout == "" and done.stderr and "panicked" not in done.stderr
    return done.stderr


@pytest.fixture(params=["beside a server", "without a server"])
def place(request, tmp_path):
    """A data folder with a space, and a way to a server that runs on it afterwards. A key is made beside that server,
    or before it starts again."""
    server = Server(tmp_path / "data").start()
    space = server.space()["id"]
    if request.param == "without a server":
        server.stop()

    def serving():
        return server if server.process.poll() is None else server.start()

    yield tmp_path / "data", space, serving
    server.kill()


def me(server, key):
    answer = server.call("GET", "/me", key=key, expect=200).json()
    return answer["scopes"], answer["spaceId"]


def test_an_admin_key(place):
    """«a lost key is not final»"""
    data, _, serving = place
    key = create(data, "--admin")
    server = serving()
    assert me(server, key) == (["admin"], None)
    assert me(server, ADMIN_KEY) == (["admin"], None)
    [made] = [row for row in server.call("GET", "/tokens").json() if row["name"] == "made on the machine"]
    assert made["expiresAt"] is None and "token" not in made
    assert key not in server.output() and key.encode() not in (data / "emit.db").read_bytes()


def test_a_key_of_a_space(place):
    data, space, serving = place
    key = create(data, "--space", space, "--scopes", "jobs:create,jobs:read", "--name", "shop")
    server = serving()
    assert me(server, key) == (["jobs:create", "jobs:read"], space)
    server.create(space, key=key)
    problem(server.call("POST", f"/spaces/{space}/jobs/poll", {}, key=key), 403, "missing_scope")
    problem(server.call("GET", f"/spaces/{server.space()['id']}/jobs", key=key), 403, "wrong_space")
    assert "shop" in [row["name"] for row in server.call("GET", f"/spaces/{space}/tokens").json()]


def test_what_is_missing_is_named(tmp_path):
    said = create(tmp_path, "--space", "any", code=2)
    assert "--scopes" in said.split("Usage")[0] and "--admin" not in said.split("Usage")[0], said


def test_a_key_of_every_space(place):
    data, space, serving = place
    key = create(data, "--scopes", "jobs:read")
    server = serving()
    assert me(server, key) == (["jobs:read"], None)
    server.call("GET", f"/spaces/{space}/jobs", key=key, expect=200)


@pytest.mark.parametrize("when", ["in an hour", "90d"])
def test_a_key_that_ends(place, when):
    data, _, serving = place
    at = in_seconds(3600)
    key = create(data, "--admin", "--expires", at if when == "in an hour" else when)
    ends = serving().call("GET", "/me", key=key).json()["expiresAt"]
    if when == "in an hour":
        assert ends == at
    else:
        assert in_seconds(90 * 86_400 - 600) < ends <= in_seconds(90 * 86_400)


@pytest.mark.parametrize("words, code", [
    (["--space", NOBODY, "--scopes", "jobs:read"], 1), (["--space", "default", "--scopes", "jobs:read"], 2),
    (["--scopes", "jobs:fly"], 2), ([], 2), (["--admin", "--scopes", "jobs:read"], 2),
    (["--admin", "--expires", "2020-01-01T00:00:00Z"], 2), (["--admin", "--expires", "soon"], 2),
    (["--admin", "--name", ""], 2)], ids=str)
def test_what_is_no_key(place, words, code):
    """A sentence, and no key is made."""
    data, space, serving = place
    create(data, *words, code=code)
    server = serving()
    assert len(server.call("GET", "/tokens").json()) == 1
    assert len(server.call("GET", f"/spaces/{space}/tokens").json()) == 1


def test_an_admin_key_of_a_space(tmp_path):
    """«`admin` … never on a space-bound key»"""
    with harness.server(data=tmp_path / "data") as server:
        said = create(tmp_path / "data", "--space", server.space()["id"], "--scopes", "admin", code=2)
        assert "must not contain admin" in said


def test_no_store(tmp_path):
    """A folder without a store is named, and none is made."""
    assert "there is no store" in create(tmp_path / "data", "--admin", code=1)
    assert not (tmp_path / "data").exists()


# -- the socket -------------------------------------------------------------------------------------------------


def ask(data, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(PATIENCE)
        one.connect(str(data / "emit.sock"))
        one.sendall(line)
        one.shutdown(socket.SHUT_WR)
        return one.makefile("rb").read()


def test_the_socket_is_its_owners(tmp_path):
    """Mode 0600; gone with the server, and what a killed one leaves behind hinders nobody."""
    server = Server(tmp_path / "data").start()
    path = tmp_path / "data" / "emit.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    server.kill()
    assert path.exists()
    create(tmp_path / "data", "--admin")
    server.start()
    create(tmp_path / "data", "--admin")
    assert len(server.call("GET", "/tokens").json()) == 3
    assert server.stop() == 0 and not path.exists()


def test_what_is_no_question(tmp_path):
    """Whatever comes over the socket: an answer or none, and the next question is answered."""
    with harness.server(data=tmp_path / "data") as server:
        for line in (b"\n", b"{}\n", b"\xff\xfe\n", b"[" * 100_000, b'{"space": null, "key": 1}\n',
                     b'{"space": null, "key": {"name": "x", "scopes": ["jobs:read"], "more": 1}}\n'):
            try:
                answer = ask(tmp_path / "data", line)
            except OSError:  # refused while it was still sending
                continue
            assert not answer or "refused" in json.loads(answer), answer
        assert len(server.call("GET", "/tokens").json()) == 1
        create(tmp_path / "data", "--admin")


def test_many_at_once(tmp_path):
    """Each asker gets a key of its own, while jobs are made."""
    with harness.server(data=tmp_path / "data") as server:
        space, stop = server.space()["id"], threading.Event()

        def produce():
            while not stop.is_set():
                server.create(space)

        producer = threading.Thread(target=produce)
        producer.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                keys = list(pool.map(lambda _: create(tmp_path / "data", "--admin"), range(8)))
        finally:
            stop.set()
            producer.join()
        assert len(set(keys)) == 8 and all(me(server, key) == (["admin"], None) for key in keys)


def test_a_folder_with_a_long_name(tmp_path):
    """Longer than the path of a socket may be."""
    data = tmp_path / ("long" * 30) / "data"
    data.parent.mkdir()
    with harness.server(data=data) as server:
        assert me(server, create(data, "--admin")) == (["admin"], None)
