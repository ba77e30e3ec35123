"""Processes of this machine: what they have used, and on which core they are."""

import os
from pathlib import Path

SERVER_CORE, OTHER_CORE = 0, 1


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0])


def pin(pid: int, core: int) -> None:
    """Keep a process, and what it starts from now on, on one core, where there is another one for the others."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def held_ports(port: int) -> set[int]:
    """
    The ports of those whose connections to this port a process still holds.

    What a server has closed the kernel may go on sending to whoever does not read: that holds no memory of the server.
    """
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {_port(row[2]) for row in rows if _port(row[1]) == port and row[9] != "0"}


def _port(address: str) -> int:
    return int(address.partition(":")[2], 16)
