"""Three nodes, one PostgreSQL, and everything goes wrong: nodes are killed and started again, connections are cut
within their transactions, the network to the database too, the database is restarted, crashes, and its synchronous standby
takes its place. Each node lives in a network namespace of its own. Workers, operators and watchers on every node go on as
well as they can; afterwards their journals are held against what every node shows.

EMIT_CLUSTER_SECONDS lengthens it, EMIT_CLUSTER_SEED repeats its plan (not its timing).
"""

import contextlib
import os
import pathlib
import random
import signal
import time

import postgres
from crash_load import Journal, Load, Watcher
from crash_rounds import AFTER, audit
from network import Namespace
from nodes import node
from streams import newest_seq, wait_for

SECONDS = int(os.environ.get("EMIT_CLUSTER_SECONDS", "120"))
NODES = 3


class Member:
    """A node with its load and its watcher, over all its lives, in a network of its own."""

    def __init__(self, folder: pathlib.Path, network: Namespace, pair: postgres.Pair, database: str, number: int):
        self.network = network
        hosts = ",".join(f"{network.database.here}:{one.port}" for one in pair.both)
        # The addresses are not the loopback's, where TLS is off unless it is asked for.
        self.server = node(folder, f"postgres://postgres@{hosts}/{database}?sslmode=disable", number)
        self.server.host, self.server.wrapped = network.callers.there, network.inside
        self.watcher, self.load, self.refusals = Watcher(), None, 0

    def begin(self, space: str, journal: Journal, rng: random.Random) -> None:
        self.load = Load(self.server, space, journal, [self.watcher], rng, patient=True).start()

    def end(self) -> None:
        """Its threads end by themselves once the node is gone."""
        self.server.kill()
        self.load.join()
        self.refusals += self.load.refusals
        self.server.http.close()


def test_nothing_is_lost_doubled_or_seen_otherwise_on_another_node(tmp_path):
    """«Nothing acknowledged lost, every stream gapless and without doubles, no job in two live deliveries, every node
    shows the same history.»"""
    seed = os.environ.get("EMIT_CLUSTER_SEED") or str(random.randrange(10**9))
    rng = random.Random(seed)
    print(f"EMIT_CLUSTER_SEED={seed} EMIT_CLUSTER_SECONDS={SECONDS}")
    with contextlib.ExitStack() as stack:
        networks = []
        for number in range(NODES):
            networks.append(Namespace(number))
            stack.callback(networks[-1].remove)
        pair = postgres.Pair(*(network.database.here for network in networks))
        stack.callback(pair.remove)
        database = pair.primary.database()
        members = [Member(tmp_path, network, pair, database, number) for number, network in enumerate(networks)]
        for member in members:
            member.server.start()
            stack.callback(member.server.kill)
        space = members[0].server.space()["id"]
        journal = Journal()
        for member in members:
            member.begin(space, journal, random.Random(rng.random()))
        done = havoc(pair, database, members, space, journal, rng)
        for member in members:
            member.load.over.set()
            member.end()
            member.server.start()
        check(members, space, journal)
        refusals = sum(member.refusals for member in members)
        print(f"{done}, {newest_seq(members[0].server, space)} events, {refusals} calls refused with 503")


def havoc(pair, database, members, space, journal, rng) -> dict[str, int]:
    """Does something bad every now and then; what, and how often."""
    done = dict.fromkeys(["promotions", "kills", "cut connections", "cut networks", "restarts", "crashes"], 0)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        # The random moment. Not a wait for anything.
        time.sleep(rng.uniform(0.2, 2.5))
        # Once each, and then at random; some take their time.
        never = [what for what, times in done.items() if times == 0]
        what = never[0] if never else rng.choices(list(done), [1, 4, 6, 3, 2, 2])[0]
        done[what] += 1
        if what == "kills":
            member = rng.choice(members)
            member.end()
            member.server.start()
            member.begin(space, journal, random.Random(rng.random()))
        elif what == "cut connections":
            pair.primary.sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
                                  f"'emit' AND random() < {rng.choice([0.2, 0.6, 1.0])}")
        elif what == "cut networks":
            network = rng.choice(members).network
            assert network.reaches_database(pair.primary.port)
            network.database.pull()
            assert not network.reaches_database(pair.primary.port)
            time.sleep(rng.choice([0.5, 4, 15]))
            network.database.plug()
        elif what == "promotions":
            pair.promote()
        else:
            pair.primary.stop(signal.SIGINT if what == "restarts" else signal.SIGQUIT)
            time.sleep(rng.uniform(0, 2))
            pair.primary.start()
        assert not any(member.load.broken for member in members), [member.load.broken for member in members]
    return done


def check(members, space, journal) -> None:
    servers = [member.server for member in members]
    for server in servers:
        wait_for("/readyz", lambda: server.http.get(server.origin + "/readyz").status_code == 200)
    promised = journal.taken()
    assert len(promised) > SECONDS, "the load did hardly anything"
    auditor, jobs = Watcher(), {}
    audit(servers[0], space, auditor, promised, jobs, "at the end")
    newest = auditor.position
    for member in members:
        # The same watcher that saw it all happen, on to the end; and one that comes only now.
        afterwards = Watcher()
        history = afterwards.watch(member.server, space, until=newest)
        member.watcher.watch(member.server, space, until=newest)
        for watcher in (member.watcher, afterwards):
            assert (watcher.position, watcher.jumps) == (newest, [])
            assert watcher.fingerprints == auditor.fingerprints
        nobody_has_two_workers(history)


def nobody_has_two_workers(history: list[dict]) -> None:
    """A job is delivered only while it waits, and reported on only while somebody holds it."""
    status: dict[str, str] = {}
    for event in history:
        before = status.get(event["jobId"])
        if event["type"] == "delivered":
            assert before == "pending", f"{event} came to a job that was {before}"
        if event["type"] in ("acked", "progress", "completed", "retried", "released"):
            assert before in ("delivered", "running"), f"{event} came to a job that was {before}"
        status[event["jobId"]] = AFTER.get(event["type"], before)
