"""What the host says of time: uptime, the system clock, the id of this boot, and whether NTP keeps it. Linux."""

import ctypes
import os
import time
from pathlib import Path
from typing import NamedTuple, Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STA_UNSYNC = 0x0040  # <sys/timex.h>
TIME_ERROR = 5
TRIES = 5
NEAR_NS = 1_000_000


class _Timex(ctypes.Structure):
    """The head of struct timex (adjtimex(2)), which is 208 bytes long."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: only read
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


class Instant(NamedTuple):
    """The same moment on both clocks, in ms: CLOCK_BOOTTIME and CLOCK_REALTIME."""

    uptime_ms: int
    wall_ms: int


class Host(Protocol):
    """Where the time of a gateway comes from."""

    @property
    def boot_id(self) -> str:
        """New at every boot."""

    def uptime_ms(self) -> int:
        """Ms since boot, sleep included; never steps."""

    def instant(self) -> Instant:
        """Both clocks at one moment."""

    def synchronised(self) -> bool:
        """Does the kernel say that NTP keeps the system clock?"""


class LinuxHost:
    """The real one."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.boot_id = BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:  # not there: this life is a boot of its own
            self.boot_id = f"no-boot-id-{os.getpid()}-{time.clock_gettime_ns(time.CLOCK_BOOTTIME)}"

    def uptime_ms(self) -> int:
        """See Host."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def instant(self) -> Instant:
        """See Host; read between two readings of the other clock that lie close together."""
        for _ in range(TRIES):
            before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            wall = time.time_ns()
            after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            if after - before < NEAR_NS:
                break
        return Instant((before + after) // 2_000_000, wall // 1_000_000)

    def synchronised(self) -> bool:
        """adjtimex(2) without STA_UNSYNC, as ntpd, chronyd with rtcsync and timesyncd leave it."""
        timex = _Timex()
        state = self._libc.adjtimex(ctypes.byref(timex))
        return 0 <= state != TIME_ERROR and not timex.status & STA_UNSYNC
