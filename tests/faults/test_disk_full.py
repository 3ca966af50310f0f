"""A full disk, on a small file system of its own: nothing is lost, nothing is half written, and it heals by itself."""

import os
import subprocess

import httpx
import pytest

import harness
from streams import newest_seq, wait_for

#: Of the small disk: the store's files, and as much as its log may take.
MEGABYTES = 24


@pytest.fixture
def server(tmp_path):
    """A server whose data folder is a small disk in a mount namespace of its own."""
    mount = tmp_path / "disk"
    mount.mkdir()
    one = harness.Server(mount / "data")
    one.wrapped = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                   f'mount -t tmpfs -o size={MEGABYTES}m tmpfs "$0" && exec "$@"', str(mount)]
    if os.geteuid() != 0:
        one.wrapped[1:1] = ["--user", "--map-root-user"]
    yield one.start()
    one.kill()


def inside(server, *command: str) -> subprocess.CompletedProcess:
    """Runs something where the server sees its disk."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return subprocess.run(["nsenter", "--target", str(server.pid), "--mount", *user, *command], check=True)


def ready(server) -> httpx.Response:
    return server.http.get(server.origin + "/readyz")


def test_a_full_disk_refuses_and_heals_by_itself(server):
    """«queue full or store unreachable 503 with `Retry-After`», «Of a refused request nothing is kept»; a full disk
    heals by itself."""
    space = server.space()["id"]
    filler = server.data.parent / "filler"
    inside(server, "sh", "-c", f"head -c {(MEGABYTES - 6) << 20} /dev/zero > {filler}")
    made, refused = [], []
    while len(refused) < 5:
        name = f"job {len(made) + len(refused)}"
        answer = server.call("POST", f"/spaces/{space}/jobs", {"name": name, "payload": "x" * 100_000})
        if answer.status_code == 201:
            made.append(answer.json())
            continue
        assert answer.status_code == 503 and answer.headers["retry-after"], answer.text
        assert answer.json()["code"] in ("store_unavailable", "outcome_unknown")
        refused.append((name, answer.json()["code"]))
        assert ready(server).status_code == 503, "takes no writes, and says it is ready"
    assert made, "the disk was full from the start"
    # Reading goes on.
    assert server.job(made[-1]["id"])["name"] == made[-1]["name"]
    inside(server, "rm", str(filler))
    wait_for("the server to be ready again", lambda: ready(server).status_code == 200)
    assert server.process.poll() is None
    made.append(server.create(space, name="after"))
    server_says(server, space, made, refused)
    # So too after a crash.
    position = newest_seq(server, space)
    files = inside_copy(server)
    server.kill()
    again = harness.Server(files).start()
    try:
        assert newest_seq(again, space) == position
        server_says(again, space, made, refused)
    finally:
        again.kill()


def inside_copy(server):
    """A copy of the data folder where this process sees it, too."""
    copy = server.data.parent.parent / "copy"
    root = f"/proc/{server.pid}/root"
    subprocess.run(["cp", "-r", f"{root}{server.data}", copy], check=True)
    return copy


def server_says(server, space, made, refused):
    """Each job that was promised, none that was refused for certain, in numbers without gaps."""
    listed, offset = [], 0
    while page := server.call("GET", f"/spaces/{space}/jobs?limit=100&offset={offset}", expect=200).json():
        listed += page
        offset += len(page)
    names = [job["name"] for job in listed]
    unknown = {name for name, code in refused if code == "outcome_unknown"}
    assert sorted(set(names) - unknown) == sorted(job["name"] for job in made)
    assert len(names) == len(set(names))
    position = newest_seq(server, space)
    with server.ws(f"spaces/{space}", query="since=0") as ws:
        assert [harness.receive(ws)["seq"] for _ in range(position)] == list(range(1, position + 1))
