"""Which faults hit what and when: the same for the same seed. Pure.

Two faults never hit the same target at once, and each target has time to recover: a run is merciless, but a reading that
nobody could have heard must be told from one that was lost.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple


class Kind(StrEnum):
    """What can be done to a target."""

    KILL = "kill"  # kill -9, started again
    RESTART = "restart"  # SIGTERM, started again
    PAUSE = "pause"  # SIGSTOP, later SIGCONT
    DISK_FULL = "disk full"  # no file may grow; later it may, or its end comes first
    NO_DESCRIPTORS = "no descriptors"  # it can open no file and no connection; later it can
    CLOCK_STEP = "clock step"  # its system clock jumps, and later back
    CUT = "cut"  # its connections break, new ones are refused for a while
    SLOW = "slow"  # so many bytes a second
    MUTE = "mute"  # one direction stands still
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    CORRUPT = "corrupt"
    ROGUE = "rogue"  # a stranger publishes rubbish


class Target(StrEnum):
    """The kinds of targets; each has its weight and its faults."""

    AGENT = "agent"
    UPLINK = "uplink"
    HUB = "hub"
    HUB_LINK = "hub link"
    BROKER = "broker"
    STORE = "store"
    STORE_LINK = "store link"
    STRANGER = "stranger"


class Fault(NamedTuple):
    """One fault: `target` is a process, or a wire by the name of the process that uses it."""

    at_s: float
    kind: Kind
    target: str
    seconds: float
    draw: float  # 0..1, for what the kind leaves open


WIRE = (Kind.CUT, Kind.SLOW, Kind.MUTE)
PACKETS = (Kind.DUPLICATE, Kind.REORDER, Kind.CORRUPT)
FAULTS: Mapping[Target, tuple[tuple[Kind, ...], float]] = {  # and how often it is chosen, beside the others
    Target.AGENT: (
        (
            Kind.KILL,
            Kind.RESTART,
            Kind.PAUSE,
            Kind.PAUSE,
            Kind.DISK_FULL,
            Kind.NO_DESCRIPTORS,
            Kind.CLOCK_STEP,
        ),
        28.0,
    ),
    Target.UPLINK: ((*WIRE, *PACKETS), 36.0),
    Target.HUB: (
        (Kind.KILL, Kind.RESTART, Kind.PAUSE, Kind.DISK_FULL, Kind.NO_DESCRIPTORS, Kind.CLOCK_STEP),
        8.0,
    ),
    Target.HUB_LINK: ((*WIRE, *PACKETS), 12.0),
    Target.BROKER: ((Kind.KILL, Kind.RESTART, Kind.PAUSE, Kind.DISK_FULL, Kind.NO_DESCRIPTORS), 4.0),
    Target.STORE: ((Kind.KILL, Kind.RESTART, Kind.PAUSE, Kind.DISK_FULL, Kind.NO_DESCRIPTORS), 6.0),
    Target.STORE_LINK: (WIRE, 6.0),
    Target.STRANGER: ((Kind.ROGUE,), 3.0),
}
# How long it lasts: at least, usually at most, and seldom (one in twelve) at most. 0: it is over at once.
LASTS: Mapping[Kind, tuple[float, float, float]] = {
    Kind.KILL: (0.0, 0.0, 0.0),
    Kind.RESTART: (0.0, 0.0, 0.0),
    Kind.PAUSE: (0.3, 5.0, 9.0),
    Kind.DISK_FULL: (1.0, 5.0, 9.0),
    Kind.NO_DESCRIPTORS: (1.0, 5.0, 9.0),
    Kind.CLOCK_STEP: (1.5, 8.0, 20.0),
    Kind.CUT: (0.05, 4.0, 15.0),
    Kind.SLOW: (2.0, 6.0, 12.0),
    Kind.MUTE: (1.0, 5.0, 12.0),
    Kind.DUPLICATE: (2.0, 6.0, 10.0),
    Kind.REORDER: (2.0, 6.0, 10.0),
    Kind.CORRUPT: (2.0, 5.0, 8.0),
    Kind.ROGUE: (0.0, 0.0, 0.0),
}
RECOVERS_S: Mapping[Target, float] = {  # at least so long untouched after a fault
    Target.AGENT: 5.0,
    Target.UPLINK: 0.5,
    Target.HUB: 6.0,
    Target.HUB_LINK: 1.5,
    Target.BROKER: 15.0,
    Target.STORE: 6.0,
    Target.STORE_LINK: 2.0,
    Target.STRANGER: 1.0,
}
SELDOM = 1 / 12


def schedule(seed: int, faults: int, targets: Sequence[tuple[Target, str]], every_s: float) -> list[Fault]:
    """So many faults, one each `every_s` seconds on the average, in the order of time."""
    rng = Random(f"chaos/{seed}")
    free_at = dict.fromkeys(targets, 0.0)
    kinds = {target for target, _ in targets}
    weights = {target: FAULTS[target][1] for target in Target if target in kinds}
    planned: list[Fault] = []
    at_s = 0.0
    while len(planned) < faults:
        at_s += rng.uniform(0.2, 1.8) * every_s
        kind_of_target = rng.choices(list(weights), list(weights.values()))[0]
        free = [key for key in targets if key[0] is kind_of_target and free_at[key] <= at_s]
        if not free:
            free = [key for key in targets if free_at[key] <= at_s]
        if not free:
            continue
        chosen = rng.choice(free)
        fault = _fault(rng, at_s, *chosen)
        free_at[chosen] = at_s + fault.seconds + RECOVERS_S[chosen[0]]
        planned.append(fault)
    return planned


def _fault(rng: Random, at_s: float, target: Target, name: str) -> Fault:
    kind = rng.choice(FAULTS[target][0])
    least, usual, most = LASTS[kind]
    seconds = rng.uniform(least, most if rng.random() < SELDOM else usual)
    return Fault(round(at_s, 3), kind, name, round(seconds, 3), rng.random())
