"""What the kernel tells of processes and disks, and what the disk can do at all."""

from __future__ import annotations

import os
import pathlib
import platform
import time

TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for process in found:
        found.extend(children.get(process, []))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far, of those who ended in it too: their parents have inherited it."""
    ticks = 0
    for process in tree(root):
        fields = _stat(process)
        if fields:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def memory_bytes(root: int) -> int:
    """Proportional, so that what PostgreSQL's processes share counts once."""
    total = 0
    for process in tree(root):
        try:
            for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _stat(process: int) -> list[str]:
    """The fields after the program's name, which may hold spaces and brackets. Empty where it has gone."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def disk_flushes(folder: pathlib.Path) -> int | None:
    """How often the disk under the folder was told to write down what it holds; None where it cannot be seen."""
    device = os.stat(folder).st_dev
    block = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    # Flushes are counted for the whole disk, not for its partitions.
    if (block / "partition").exists():
        block = block.parent
    if not (block / "stat").exists():
        return None
    fields = (block / "stat").read_text().split()
    return int(fields[15]) if len(fields) > 15 else None


def syncs_a_second(folder: pathlib.Path, seconds: float) -> float:
    """4 KiB overwritten in a file that has its blocks already, then fdatasync: the cheapest durable write there is."""
    path = folder / "sync-rate"
    block = b"x" * 4096
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        os.write(file, block * 256)
        os.fsync(file)
        done, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            os.pwrite(file, block, done % 256 * 4096)
            os.fdatasync(file)
            done += 1
        return done / (time.monotonic() - began)
    finally:
        os.close(file)
        path.unlink()


def described() -> str:
    memory = pathlib.Path("/proc/meminfo").read_text().split()[1]
    # Of the kernel's name the numbers alone: what follows is the machine's own affair.
    kernel = platform.release().partition("-")[0]
    return f"{os.cpu_count()} cores shared by server and load, {int(memory) >> 20} GiB, Linux {kernel}"
