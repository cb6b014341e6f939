"""Run a command as a unit of deploy/systemd would confine it: `confined.py UNIT COMMAND…`.

The kernel's part for real, without systemd: the unit's system call filter (groups expanded by `systemd-analyze`, loaded through
libseccomp, EPERM for the rest), MemoryDenyWriteExecute (PR_SET_MDWE), NoNewPrivileges, no capabilities, UMask.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_MDWE = 38, 24, 65
ALLOW, EPERM_ACTION = 0x7FFF0000, 0x00050000 | 1


def calls(group: str) -> set[str]:
    """The system calls of @group, and of those in it."""
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    found: set[str] = set()
    for line in listed.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= calls(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


def allowed(unit: str) -> set[str]:
    """What the unit's SystemCallFilter lines leave (systemd.exec(5))."""
    found: set[str] = set()
    for line in unit.splitlines():
        if not line.startswith("SystemCallFilter="):
            continue
        value = line.partition("=")[2]
        words = {
            call
            for word in value.removeprefix("~").split()
            for call in (calls(word) if word.startswith("@") else [word])
        }
        found = found - words if value.startswith("~") else found | words
    return found | calls("@default") | {"execve"}


def confine(unit: str) -> None:
    """This process, and what it executes."""
    libc = ctypes.CDLL(None, use_errno=True)
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
    names = allowed(unit)
    os.umask(0o077)
    for capability in range(41):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_MDWE, 1, 0, 0, 0):
        sys.exit("the kernel has no PR_SET_MDWE (6.3 or newer is needed)")
    context = seccomp.seccomp_init(EPERM_ACTION)
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(context, ALLOW, number, 0)
    if seccomp.seccomp_load(context):
        sys.exit("the filter cannot be loaded")


if __name__ == "__main__":
    confine(Path(sys.argv[1]).read_text(encoding="utf-8"))
    os.execv(sys.argv[2], sys.argv[2:])
