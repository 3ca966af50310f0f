"""A network of its own for a node: a namespace with a cable to those who call it and one to its database, which a test
can pull. Whatever is sent over a pulled cable is gone, and nobody is told: what a firewall or a dead switch does. (Left to
themselves, the kernels at both ends would look for another way, or say after three seconds that there is none.)

Needs root, and iproute2.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys

#: Two addresses each, of the range that is kept for tests of networks (RFC 2544); which part of it is left to chance, so
#: that test runs beside each other do not meet.
RANGE = f"198.{random.randrange(18, 20)}.{random.randrange(256)}"
CABLES = itertools.count()


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()} (network namespaces need root)")
    return done.stdout


class Cable:
    """Leads from this machine into a namespace: an address at either end."""

    def __init__(self, namespace: str):
        number = next(CABLES)
        network, self.here, self.there = (f"{RANGE}.{4 * number + end}" for end in (0, 1, 2))
        #: Where the words go for which there is no cable.
        self.nowhere = ["blackhole", f"{network}/30", "metric", "4000000000"]
        self.end = f"emit{os.getpid()}.{number}"
        inside = f"cable{number}"
        ip("link", "add", self.end, "type", "veth", "peer", "name", inside, "netns", namespace)
        ip("addr", "add", f"{self.here}/30", "dev", self.end)
        ip("-n", namespace, "addr", "add", f"{self.there}/30", "dev", inside)
        ip("-n", namespace, "link", "set", inside, "up")
        self.plug()
        [link] = json.loads(ip("-json", "link", "show", self.end))
        ip("-n", namespace, "neigh", "replace", self.here, "lladdr", link["address"], "dev", inside, "nud", "permanent")
        ip("route", "add", *self.nowhere)

    def pull(self) -> None:
        ip("link", "set", self.end, "down")

    def plug(self) -> None:
        ip("link", "set", self.end, "up")

    def remove(self) -> None:
        ip("route", "del", *self.nowhere)


class Namespace:
    """What runs `inside` it reaches the database by one cable and is reached by the other."""

    def __init__(self, number: int):
        self.name = f"emit-{os.getpid()}-{number}"
        #: What goes before a command.
        self.inside = ["ip", "netns", "exec", self.name]
        self.cables: list[Cable] = []
        ip("netns", "add", self.name)
        try:
            ip("-n", self.name, "link", "set", "lo", "up")
            for _ in range(2):
                self.cables.append(Cable(self.name))
            self.callers, self.database = self.cables
        except BaseException:
            self.remove()
            raise

    def reaches_database(self, port: int) -> bool:
        """Whether anybody in it can connect to the database within a second."""
        connect = f"import socket; socket.create_connection(({self.database.here!r}, {port}), 1)"
        return subprocess.run([*self.inside, sys.executable, "-c", connect], capture_output=True).returncode == 0

    def remove(self) -> None:
        for cable in self.cables:
            cable.remove()
        # The cables go with it.
        ip("netns", "delete", self.name)
