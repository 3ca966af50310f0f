"""A network of its own for a node: a namespace with a cable to those who call it and one to its database, which a test
can pull. Whatever is sent over a pulled cable is gone, and nobody is told: what a firewall or a dead switch does.

Needs root, and iproute2.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess

#: Two addresses each, of a range that is private (RFC 1918); which part of it is left to chance, so that test runs beside
#: each other do not meet.
RANGE = f"10.{random.randrange(64, 128)}.{random.randrange(256)}"
CABLES = itertools.count()


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()} (network namespaces need root)")


class Cable:
    """Leads from this machine into a namespace: an address at either end."""

    def __init__(self, namespace: str):
        number = next(CABLES)
        self.here, self.there = (f"{RANGE}.{4 * number + end}" for end in (1, 2))
        self.end = f"emit{os.getpid()}.{number}"
        inside = f"cable{number}"
        ip("link", "add", self.end, "type", "veth", "peer", "name", inside, "netns", namespace)
        ip("addr", "add", f"{self.here}/30", "dev", self.end)
        ip("-n", namespace, "addr", "add", f"{self.there}/30", "dev", inside)
        ip("-n", namespace, "link", "set", inside, "up")
        self.plug()

    def pull(self) -> None:
        ip("link", "set", self.end, "down")

    def plug(self) -> None:
        ip("link", "set", self.end, "up")


class Namespace:
    """What runs `inside` it reaches the database by one cable and is reached by the other."""

    def __init__(self, number: int):
        self.name = f"emit-{os.getpid()}-{number}"
        ip("netns", "add", self.name)
        try:
            ip("-n", self.name, "link", "set", "lo", "up")
            self.callers, self.database = Cable(self.name), Cable(self.name)
        except RuntimeError:
            self.remove()
            raise
        #: What goes before a command.
        self.inside = ["ip", "netns", "exec", self.name]

    def remove(self) -> None:
        """Its cables go with it."""
        ip("netns", "delete", self.name)
