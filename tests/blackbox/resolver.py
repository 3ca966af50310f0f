"""A small resolver of the tests' own (RFC 1035): answers every name as it is told, a moment's truth each time."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import subprocess
import sys
import threading

#: Where the C library asks: it knows no other port.
PORT = 53
A, AAAA = 1, 28
#: Binds, and hands the socket over its standard input.
BIND = ("import socket, sys\nudp = socket.socket(type=socket.SOCK_DGRAM)\nudp.bind((sys.argv[1], int(sys.argv[2])))\n"
        "socket.send_fds(socket.socket(fileno=0), [b'.'], [udp.fileno()])")


def bound(host: str) -> socket.socket:
    """A socket on that port, which is root's to give."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subprocess.run([*as_root, sys.executable, "-c", BIND, host, str(PORT)], stdin=theirs, check=True)
        _, [udp], *_ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=udp)


class Resolver:
    """Answers what `behave(name, kind)` makes of a question: addresses, of which those of that kind are told."""

    def __init__(self, behave, host: str = "127.0.53.1"):
        self.behave, self.host = behave, host
        self.asked: list[tuple[str, int]] = []
        self.socket = bound(host)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while True:
            question, peer = self.socket.recvfrom(512)
            if not question:  # see __exit__
                return
            self.socket.sendto(self.answer(question), peer)

    def answer(self, message: bytes) -> bytes:
        labels, at = [], 12
        while length := message[at]:
            labels.append(message[at + 1:at + 1 + length].decode())
            at += 1 + length
        question, (kind,) = message[12:at + 5], struct.unpack("!H", message[at + 1:at + 3])
        name = ".".join(labels)
        self.asked.append((name, kind))
        told = [ipaddress.ip_address(one) for one in self.behave(name, kind)]
        packed = [one.packed for one in told if len(one.packed) == {A: 4, AAAA: 16}.get(kind)]
        head = message[:2] + struct.pack("!HHHHH", 0x8180, 1, len(packed), 0, 0)
        # The name again by reference, class IN, and a time to live of zero.
        records = [b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(one)) + one for one in packed]
        return head + question + b"".join(records)

    def asking(self, folder) -> list[str]:
        """What a command is wrapped in so that its names are looked up here: a mount namespace of its own."""
        (folder / "resolv.conf").write_text(f"nameserver {self.host}\noptions timeout:5 attempts:2\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")
        mounts = "".join(f'mount --bind "$0/{name}" "$(realpath /etc/{name})" && '
                         for name in ("resolv.conf", "nsswitch.conf") if os.path.exists(f"/etc/{name}"))
        wrapped = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts + 'exec "$@"', str(folder)]
        if os.geteuid() != 0:
            wrapped[1:1] = ["--user", "--map-root-user"]
        return wrapped

    def __enter__(self) -> "Resolver":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()
