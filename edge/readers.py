"""The loops that read: one for each port, broker and listener of the configuration. A new configuration ends and begins only
those that it changes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec
import structlog

from edge.counting import Counting, build_counting
from edge.line import Line, OpenLine
from edge.listener import Listener, build_listeners
from edge.ports import DeliverNow, Port, build_ports
from edge.settings import EdgeConfig
from edge.sources import SourceLink, build_links
from edge.tap import Tap
from telemetry.reading import Reading

Reader = Port | Counting | SourceLink | Listener

log = structlog.get_logger(__name__)


class Bring(NamedTuple):
    """What readers are given: where readings go (`offer` is for who is answered and comes again), bad frames, the clock in
    ms, dice, who hears a GNSS receiver, how a serial line is opened, who listens in on
    frames, and who takes readings without waiting."""

    deliver: Callable[[Sequence[Reading]], Awaitable[None]]
    offer: Callable[[Sequence[Reading]], Awaitable[None]]
    on_bad: Callable[[str, int], None]
    clock: Callable[[], int]
    rng: Random
    on_gnss: Callable[[Mapping[str, Any]], None]
    open_line: OpenLine = Line.open
    tap: Tap | None = None
    now: DeliverNow | None = None


class _Running(NamedTuple):
    readers: list[Reader]
    tasks: list[asyncio.Task[None]]


class Readers:
    """Opens nothing before `follow`."""

    def __init__(self, bring: Bring) -> None:
        self._bring = bring
        self._running: dict[str, _Running] = {}

    def __iter__(self) -> Iterator[Reader]:
        return (reader for running in self._running.values() for reader in running.readers)

    async def follow(self, config: EdgeConfig, group: asyncio.TaskGroup) -> None:
        """Read what this configuration says, in tasks of the group: end what is gone or changed, leave alone what is not."""
        wanted = parts(config)
        gone = [name for name in self._running if name not in wanted]
        await _end([task for name in gone for task in self._running.pop(name).tasks])
        came = [name for name in wanted if name not in self._running]
        for name in came:
            readers = self._build(wanted[name])
            tasks = [group.create_task(reader.run(), name=reader.name) for reader in readers]
            self._running[name] = _Running(readers, tasks)
        for name in wanted.keys() - set(came):
            for reader in self._running[name].readers:
                if isinstance(reader, SourceLink):
                    reader.follow(wanted[name].mqtt)

    async def end(self) -> None:
        """No more readings; what was counted stays to be told."""
        await _end([task for running in self._running.values() for task in running.tasks])

    def _build(self, part: EdgeConfig) -> list[Reader]:
        bring = self._bring
        ports = build_ports(
            part,
            bring.deliver,
            bring.clock,
            bring.on_bad,
            bring.on_gnss,
            bring.open_line,
            bring.tap,
            bring.now,
        )
        return [
            *ports,
            *build_counting(ports, bring.deliver, bring.clock),
            *build_links(part, bring.deliver, bring.clock, bring.rng, bring.on_bad),
            *build_listeners(part, bring.offer, bring.clock),
        ]


def parts(config: EdgeConfig) -> dict[str, EdgeConfig]:
    """The configuration cut into what is opened by itself, each under a name that is another when it must be opened anew."""
    bare = msgspec.structs.replace(config, serial=(), modbus=(), mqtt=(), http=())
    found: dict[str, EdgeConfig] = {}
    for device in config.serial:
        found[_name("serial", device)] = msgspec.structs.replace(bare, serial=(device,))
    for bus in config.modbus:
        found[_name("modbus", bus)] = msgspec.structs.replace(bare, modbus=(bus,))
    for listener in config.http:
        found[_name("http", listener)] = msgspec.structs.replace(bare, http=(listener,))
    for broker in dict.fromkeys(config.publishes_to(source, {}) for source in config.mqtt):
        sources = tuple(source for source in config.mqtt if config.publishes_to(source, {}) == broker)
        found[f"mqtt {broker}"] = msgspec.structs.replace(bare, mqtt=sources)
    return found


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _name(kind: str, settings: msgspec.Struct) -> str:
    return f"{kind} {msgspec.json.encode(settings, order='deterministic').decode()}"
