"""A small resolver of the tests' own (RFC 1035): answers every name as it is told, a moment's truth each time."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import threading

#: Where the C library asks: it knows no other port.
PORT = 53
A, AAAA = 1, 28


class Resolver:
    """Answers what `behave(name, kind)` makes of a question: addresses, of which those of that kind are told."""

    def __init__(self, behave, host: str = "127.0.53.1"):
        self.behave, self.host = behave, host
        self.asked: list[tuple[str, int]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, PORT))
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
        settings = folder / "resolv.conf"
        settings.write_text(f"nameserver {self.host}\noptions timeout:5 attempts:2\n")
        wrapped = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                   'mount --bind "$0" "$(realpath /etc/resolv.conf)" && exec "$@"', str(settings)]
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
