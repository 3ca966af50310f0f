#!/usr/bin/env python3
"""Where the server's time goes under 64 clients: a flame graph, and a table of shares; and how often it allocates for a
life. `./task profile` installs what this needs (perf, inferno) and calls it.

Samples are taken by the processor's clock, which virtual machines have too; stacks are unwound from the debug
information of the release binary, and with inlined calls. Allocations are counted at the allocators' entries by probes
of the kernel, which slow the server down; so they are counted in a load of their own.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "peers"))
from job_systems import Programs, Running, start_emit  # noqa: E402  (the peers' own way to start Emit and its load)

#: Samples a second; not round, so as not to beat in time with timers.
SAMPLES = 499

#: Bytes of a stack that are kept for unwinding.
STACK_BYTES = 16_384

#: What a stack belongs to: the first of these rows, one word of which stands in it.
LANE = [
    ("the commit's sync, in the kernel", ["fsync"]),
    ("the commit's writes to the log", ["walFrames", "WalFrames", "walWriteOneFrame"]),
    ("the commit beside its writes", ["sqlite3BtreeCommitPhaseOne", "sqlite3PagerCommitPhaseOne", "sqlite3VdbeHalt"]),
    ("rows, read and written by SQLite", ["sqlite3_step", "sqlite3_bind", "sqlite3_reset", "rusqlite"]),
    ("answers, and waking who waits for them", ["Batch::answer", "oneshot", "wake_by", "wake_task"]),
    ("events handed to the streams", ["Hub::publish", "realtime"]),
    ("waiting for work", ["recv_timeout", "recv_deadline"]),
]
REQUESTS = [
    ("the kernel's sockets: receiving", ["sys_recv", "sys_read", "tcp_recvmsg"]),
    ("the kernel's sockets: sending", ["sys_send", "sys_write", "tcp_sendmsg"]),
    ("waiting for sockets and for work", ["sys_epoll", "Context::park", "sys_futex"]),
    # By the call itself: types of hyper's name Emit's service in their parameters.
    ("keys, routes, bodies and answers: Emit's own", ["serve::Service as tower_service"]),
    ("HTTP/1.1 by hyper", ["hyper"]),
    ("connections", ["emit_server::net"]),
]

#: Where memory is asked for: by Rust from mimalloc, in the binary itself, and by SQLite from the C library.
OF_RUST = ["mi_malloc_aligned", "mi_zalloc_aligned", "mi_realloc_aligned"]
OF_C = ["malloc", "calloc", "realloc"]


def main() -> int:
    arguments = parsed()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="emit-profile-") as folder:
        scratch = pathlib.Path(folder)
        record(arguments, scratch)
        script = subprocess.run(["perf", "script", "-i", scratch / "perf.data"], capture_output=True, check=True).stdout
    folded = subprocess.run(["inferno-collapse-perf"], input=script, capture_output=True, check=True).stdout
    title = f"Emit, 64 clients, {'single calls' if arguments.batch == 1 else f'calls of {arguments.batch}'}"
    drawing = ["inferno-flamegraph", "--title", title, "--minwidth", "0.3"]
    picture = subprocess.run(drawing, input=folded, capture_output=True, check=True).stdout
    (arguments.out / "flames.svg").write_bytes(picture)
    (arguments.out / "stacks.folded").write_bytes(folded)
    print(table(folded.decode()))
    print(f"\nThe flame graph: {arguments.out / 'flames.svg'}\n")
    with tempfile.TemporaryDirectory(prefix="emit-profile-") as folder:
        print(allocations(arguments, pathlib.Path(folder)))
    return 0


@contextlib.contextmanager
def loaded(arguments: argparse.Namespace, scratch: pathlib.Path):
    """A warm server, and what is asked of its load."""
    running = start_emit(Programs(arguments.emit.resolve(), arguments.bench.resolve()), scratch)
    try:
        asked = {"phase": "lives", "progress": True, "batch": arguments.batch, "queue": "profile", "clients": 64}
        running.driver.ask(**asked, seconds=1)
        yield running, asked
    finally:
        running.stop()


def record(arguments: argparse.Namespace, scratch: pathlib.Path) -> None:
    """Samples the server while lives go on, from a little after their start to a little before their end."""
    with loaded(arguments, scratch) as (running, asked):
        load = threading.Thread(target=lambda: running.driver.ask(**asked, seconds=arguments.seconds + 2))
        load.start()
        time.sleep(1)
        subprocess.run(["perf", "record", "--quiet", "-e", "cpu-clock", "-F", str(SAMPLES), "--call-graph",
                        f"dwarf,{STACK_BYTES}", "-p", str(running.pid), "-o", scratch / "perf.data",
                        "sleep", str(arguments.seconds)], check=True)
        load.join()


def allocations(arguments: argparse.Namespace, scratch: pathlib.Path) -> str:
    """How often each kind of thread asks for memory, for a life."""
    with loaded(arguments, scratch) as (running, asked), probes(arguments.emit.resolve(), running) as events:
        counter = subprocess.Popen(["perf", "stat", "--field-separator", ",", "--per-thread", "-e", ",".join(events),
                                    "-p", str(running.pid)], stderr=subprocess.PIPE, text=True)
        try:
            # It counts from a moment on that it does not tell: what it misses is a small part of the load.
            time.sleep(0.5)
            lives = running.driver.ask(**asked, seconds=arguments.seconds)["done"]
        finally:
            counter.send_signal(signal.SIGINT)
            told = counter.communicate()[1]
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    for line in told.splitlines():
        fields = line.split(",")
        # A thread that never ran was not counted.
        if len(fields) > 3 and fields[3].startswith("emit_profile:") and fields[1].isdigit():
            found[fields[0].split("-")[0], fields[3].partition(":")[2]] += int(fields[1])
    if not found:
        raise RuntimeError(f"perf stat counted nothing:\n{told}")
    lines = ["| thread | asks | times a life |", "| --- | --- | --- |"]
    lines += [f"| {thread} | {entry} | {count / lives:.1f} |" for (thread, entry), count in sorted(found.items())
              if count * 20 >= lives]
    return "\n".join(lines)


@contextlib.contextmanager
def probes(binary: pathlib.Path, running: Running):
    """Probes at the allocators' entries, in the binary and the C library that the server has mapped; as root. They are
    gone afterwards, and whatever an earlier run has left is gone before."""
    mapped = {line.split()[-1] for line in pathlib.Path(f"/proc/{running.pid}/maps").read_text().splitlines() if "/" in line}
    [libc] = [path for path in mapped if pathlib.Path(path).name == "libc.so.6"]
    remove = ["perf", "probe", "--quiet", "--del", "emit_profile:*"]
    subprocess.run(remove, stderr=subprocess.DEVNULL, check=False)
    try:
        for path, entries in [(binary, OF_RUST), (libc, OF_C)]:
            for entry in entries:
                subprocess.run(["perf", "probe", "--quiet", "-x", path, "--add", f"emit_profile:{entry}={entry}"], check=True)
        yield [f"emit_profile:{entry}" for entry in OF_RUST + OF_C]
    finally:
        subprocess.run(remove, stderr=subprocess.DEVNULL, check=False)


def table(folded: str) -> str:
    """Shares of all samples, by what a stack belongs to."""
    shares: collections.Counter[tuple[str, str]] = collections.Counter()
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        thread, _, frames = stack.partition(";")
        rows = LANE if thread.startswith("lane") else REQUESTS if thread.startswith("tokio") else []
        what = next((name for name, words in rows if any(word in frames for word in words)), "the rest")
        shares[thread.split("-")[0], what] += int(samples)
    total = shares.total()
    lines = ["| thread | what | share of the server's time |", "| --- | --- | --- |"]
    lines += [f"| {thread} | {what} | {samples / total:.1%} |" for (thread, what), samples in
              sorted(shares.items(), key=lambda one: (one[0][0], -one[1]))]
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=1, help="jobs a call (default 1)")
    parser.add_argument("--seconds", type=float, default=5, help="of sampling (default 5)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("target/profile"),
                        help="the folder of what is found")
    parser.add_argument("--emit", type=pathlib.Path, default=pathlib.Path("target/release/emit"))
    parser.add_argument("--bench", type=pathlib.Path, default=pathlib.Path("target/release/emit-bench"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
