"""A disk that fails or forgets: builds the shim of disk.c, and makes of its log what a power loss leaves behind."""

from __future__ import annotations

import pathlib
import random
import struct
import subprocess

HERE = pathlib.Path(__file__).parent
NAMES = {1: "emit.db", 2: "emit.db-wal"}
FOLDER = 3
RECORD = struct.Struct("=BBHIQ")
#: What a disk writes whole, and what the system writes at once.
SECTOR, PAGE = 512, 4096


def shim(folder: pathlib.Path) -> pathlib.Path:
    """The shim, compiled."""
    library = folder / "disk.so"
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, HERE / "disk.c",
                    "-ldl", "-lpthread"], check=True)
    return library


def records(log: bytes):
    """Operation, file, offset and data of each whole record."""
    at = 0
    while at + RECORD.size <= len(log):
        operation, file, _, length, offset = RECORD.unpack_from(log, at)
        at += RECORD.size
        data = b""
        if operation == ord("w"):
            data = log[at:at + length]
            at += length
            if len(data) < length:
                return
        yield chr(operation), file, offset, data, length


class File:
    """One file's durable contents, and the changes not yet synced."""

    def __init__(self, contents: bytes = b""):
        self.contents = bytearray(contents)
        self.pending: list[tuple[str, int, bytes]] = []
        #: Changes synced so far, of all that were made.
        self.synced = 0

    def apply(self, operation: str, offset: int, data: bytes) -> None:
        if operation == "t":
            del self.contents[offset:]
            self.contents.extend(bytes(offset - len(self.contents)))
            return
        self.contents.extend(bytes(max(0, offset + len(data) - len(self.contents))))
        self.contents[offset:offset + len(data)] = data

    def made(self) -> int:
        return self.synced + len(self.pending)

    def sync(self, made: int) -> None:
        """The first so many changes of all that were made are on the disk."""
        while self.synced < made:
            self.apply(*self.pending[0])
            del self.pending[0]
            self.synced += 1


class Disk:
    """What is on the disk for certain, and what may be."""

    def __init__(self, folder: pathlib.Path):
        """As it stands after a sync of everything."""
        self.folder = folder
        found = {file: folder / name for file, name in NAMES.items()}
        #: The files by number, as the kernel shows them and as the folder on the disk has them.
        self.shown = {file: File(path.read_bytes()) for file, path in found.items() if path.exists()}
        self.durable = dict(self.shown)
        #: Creations and removals that the folder may not know yet.
        self.entries: list[tuple[int, File | None]] = []
        self.syncs = self.forgotten = 0

    def replay(self, log: bytes) -> None:
        """Takes in one run of the server. What a sync makes sure of is what was made before it began."""
        begun: dict[int, tuple[File | None, int]] = {}
        entries_synced = 0
        for operation, file, offset, data, _ in records(log):
            if operation == "c":
                self.shown[file] = File()
                self.entries.append((file, self.shown[file]))
            elif operation == "u":
                self.shown.pop(file)
                self.entries.append((file, None))
            elif operation == "b":
                one = None if file == FOLDER else self.shown[file]
                begun[offset] = (one, one.made() if one else entries_synced + len(self.entries))
            elif operation == "s":
                self.syncs += 1
                one, made = begun.pop(offset)
                if one:
                    one.sync(made)
                else:
                    self.sync_folder(made - entries_synced)
                    entries_synced = made
            else:
                self.shown[file].pending.append((operation, offset, data))

    def sync_folder(self, count: int) -> None:
        """The first so many of the folder's changes reach the disk."""
        for file, contents in self.entries[:count]:
            if contents is None:
                self.durable.pop(file, None)
            else:
                self.durable[file] = contents
        del self.entries[:count]

    def lose_power(self, rng: random.Random) -> str:
        """Leaves in the folder what the disk happens to have; says how it was chosen."""
        self.sync_folder(rng.randint(0, len(self.entries)))
        how = rng.choice(["nothing", "pages", "sectors", "writes", "a torn tail"])
        for file in self.durable.values():
            self.settle(file, how, rng)
        for number, name in NAMES.items():
            path = self.folder / name
            if number in self.durable:
                path.write_bytes(self.durable[number].contents)
            else:
                path.unlink(missing_ok=True)
        self.shown = dict(self.durable)
        self.entries.clear()
        # Rebuilt by the next start; after a power loss it is never of use.
        (self.folder / "emit.db-shm").unlink(missing_ok=True)
        return how

    def settle(self, file: File, how: str, rng: random.Random) -> None:
        """Each change not synced is on the disk, in part, or not at all."""
        changes = file.pending
        if how == "a torn tail" and changes:
            kept = rng.randrange(len(changes))
            operation, offset, data = changes[kept]
            changes = [*changes[:kept], (operation, offset, data[:rng.randint(0, len(data))])]
            if operation == "t":
                changes.pop()
        for operation, offset, data in changes:
            if how == "a torn tail" or (how != "nothing" and operation == "t" and rng.random() < 0.5):
                file.apply(operation, offset, data)
            elif how == "writes" and rng.random() < 0.5:
                file.apply(operation, offset, data)
            elif how in ("pages", "sectors") and operation == "w":
                for start, end in pieces(offset, len(data), PAGE if how == "pages" else SECTOR):
                    if rng.random() < 0.5:
                        file.apply("w", start, data[start - offset:end - offset])
        self.forgotten += len(file.pending)
        file.pending.clear()


def pieces(offset: int, length: int, size: int):
    """The parts of a write between multiples of a size."""
    end = offset + length
    while offset < end:
        stop = min(end, (offset // size + 1) * size)
        yield offset, stop
        offset = stop
