"""The street: every sensor of the plan in one process, each on its own wire, and a record of all that was sent."""

import asyncio
import json
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

from firmware_sim import replay
from firmware_sim.city import LOOP, City, DevicePlan, GatewayPlan
from firmware_sim.device import Device, Emission
from firmware_sim.devices.payloads import JsonPublisher, Recording, SenmlPublisher
from firmware_sim.faults import Fault, FaultKind, check_sensors
from firmware_sim.injection import Injector
from firmware_sim.model import Model
from firmware_sim.mqtt_devices import Outgoing, Publisher
from firmware_sim.pty import PtyPort
from firmware_sim.truth import Device as DeviceLine
from firmware_sim.truth import Emitted, FaultRecord, Recorder, Window
from firmware_sim.wired import WIRED, Senses
from runtime.mqtt import BrokerUrl
from telemetry.quantities import QUANTITIES

FLUSH_S = 3.0
LINGER_S, LOOKS = 1.0, 3
IDLE_S = 0.25  # the longest a device sleeps: a host's command may wake it meanwhile
REPLAY = "replay"
PROTOCOLS = {protocol: (kind.quantities, kind.period_s) for protocol, kind in WIRED.items()} | {
    REPLAY: (tuple(LOOP), 1.0)
}


async def run(
    city: City,
    *,
    directory: Path,
    broker: str,
    record: Path,
    seed: int,
    faults: Sequence[Fault],
    stop: asyncio.Event,
) -> None:
    """The sensors of the city until `stop`: serial ones linked at directory/<sensor>, MQTT ones on the broker.

    Raises ValueError for a fault of a sensor that is not there.
    """
    check_sensors(faults, [device.sensor for gateway in city.gateways for device in gateway.devices])
    with ExitStack() as stack:
        recorder = Recorder(record)
        stack.callback(recorder.close)
        street = Street(Model(seed), recorder, seed=seed, faults=faults)
        publisher = Publisher(
            BrokerUrl.of_command(broker, os.environ), rng=Random(seed), dropped=street.dropped
        )
        devices = [(gateway, device) for gateway in city.gateways for device in gateway.devices]
        ports = {
            device.sensor: PtyPort(directory / device.sensor)
            for _, device in devices
            if device.link == "serial"
        }
        for port in ports.values():
            stack.callback(port.close)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(publisher.run(), name="mqtt")]
            for gateway, device in devices:
                wire = ports[device.sensor] if device.link == "serial" else publisher
                tasks.append(group.create_task(street.live(gateway, device, wire), name=device.sensor))
            await stop.wait()
            await _end(tasks[1:])
            await publisher.flush(FLUSH_S)
            await _linger(list(ports.values()))
            await _end(tasks[:1])


async def run_device(
    protocol: str,
    *,
    link: Path,
    sensor: str,
    record: Path | None,
    seed: int,
    faults: Sequence[Fault],
    stop: asyncio.Event,
    series: Sequence[str] = (),
) -> None:
    """One device on a pseudo-terminal linked at `link` until `stop`; `series` are what `replay.read` takes.

    Raises ValueError for what is unknown, OSError.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"no simulated device speaks {protocol!r} on a serial line; known: {', '.join(PROTOCOLS)}"
        )
    check_sensors(faults, [sensor])
    quantities, period_s = PROTOCOLS[protocol]
    replayed = protocol == REPLAY
    if series and not replayed:
        raise ValueError(f"a {protocol} device measures; only {REPLAY} plays recorded series")
    recorded = replay.read(series) if replayed else {}
    plan = DevicePlan(
        sensor,
        sensor,
        protocol,
        "serial",
        tuple(recorded) or quantities,
        period_s,
        fields={quantity: (quantity, QUANTITIES[quantity].unit) for quantity in recorded},
        replay=replayed,
    )
    with ExitStack() as stack:
        recorder = Recorder(record)
        stack.callback(recorder.close)
        port = PtyPort(link)
        stack.callback(port.close)
        street = Street(Model(seed), recorder, seed=seed, faults=faults, recorded=recorded)
        async with asyncio.TaskGroup() as group:
            living = group.create_task(street.live(None, plan, port), name=sensor)
            await stop.wait()
            await _end([living])
            await _linger([port])


async def _linger(ports: Sequence[PtyPort]) -> None:
    """A pseudo-terminal that is closed takes with it what nobody has read yet: give them the time, up to LINGER_S.

    The kernel hands bytes over a while after they were written: several looks must find nothing.
    """
    nothing_left = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while nothing_left < LOOKS:
                await asyncio.sleep(0.02)
                nothing_left = 0 if any(port.unread for port in ports) else nothing_left + 1


class Street:
    """Brings devices to life: builds them, lets them speak when they are due, and records what left."""

    def __init__(
        self,
        model: Model,
        recorder: Recorder,
        *,
        seed: int,
        faults: Sequence[Fault],
        recorded: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self._model, self._recorder, self._seed, self._faults = model, recorder, seed, faults
        self._recorded = recorded or {}
        self._start_s = time.time()

    async def live(self, gateway: GatewayPlan | None, plan: DevicePlan, wire: PtyPort | Publisher) -> None:
        """One device, for ever."""
        rng = Random(f"{self._seed}/{plan.sensor}")
        injector = Injector(plan.sensor, self._faults, start_s=self._start_s, rng=rng)
        device = self._build(plan, gateway.site.kind if gateway else "centre", injector, rng)
        now_ms = round(time.time() * 1000)
        self._recorder.write(DeviceLine(plan.sensor, plan.protocol, plan.period_s, plan.quantities, now_ms))
        spoken = asyncio.Event()
        loop = asyncio.get_running_loop()
        if isinstance(wire, PtyPort):
            loop.add_reader(wire.fileno(), lambda: self._hear(plan, device, injector, wire, spoken))
        try:
            while True:
                now_s = time.time()
                self._announce(plan, injector, now_s)
                if device.due_s <= now_s:
                    self._send(plan, injector, injector.spoil(device.emit(now_s), now_s), wire)
                spoken.clear()
                pause = min(IDLE_S, max(0.0, device.due_s - time.time()))
                await _either(spoken, pause if math.isfinite(pause) else IDLE_S)
        finally:
            if isinstance(wire, PtyPort):
                loop.remove_reader(wire.fileno())

    def dropped(self, message: Outgoing) -> None:
        """A message that was never published."""
        self._recorder.write(Window(message.sensor, "not published", message.at_ms - 1, message.at_ms + 1))

    def _build(self, plan: DevicePlan, kind: str, injector: Injector, rng: Random) -> Device:
        start_s = time.time() + rng.random() * min(1.0, plan.period_s or 1.0)
        measure = injector.wrap(lambda quantity, at_s: self._model.value(plan.sensor, kind, quantity, at_s))
        if plan.protocol in WIRED:
            senses = Senses(
                measure,
                lambda second: self._model.passes(plan.sensor, kind, second),
                lambda at_s, kmh: _seen_by_radar(injector, at_s, kmh),
                start_s,
                plan.period_s,
            )
            return WIRED[plan.protocol].build(senses)
        if plan.protocol == "mqtt-senml":
            return SenmlPublisher(
                measure,
                plan.sensor,
                plan.quantities,
                start_s=start_s,
                period_s=plan.period_s,
                clock=injector.clock_s,
            )
        if plan.replay:
            series = self._recorded or {quantity: replay.load(quantity) for quantity in plan.quantities}
            measure = injector.wrap(Recording(series, start_s=start_s, period_s=plan.period_s).measure)
        return JsonPublisher(
            measure, plan.fields, start_s=start_s, period_s=plan.period_s, clock=injector.clock_s
        )

    def _hear(
        self, plan: DevicePlan, device: Device, injector: Injector, wire: PtyPort, spoken: asyncio.Event
    ) -> None:
        now_s = time.time()
        self._send(plan, injector, injector.spoil(device.receive(wire.read(), now_s), now_s), wire)
        spoken.set()

    def _send(
        self,
        plan: DevicePlan,
        injector: Injector,
        emissions: Iterable[Emission],
        wire: PtyPort | Publisher,
    ) -> None:
        for emission in emissions:
            if isinstance(wire, Publisher):
                at_ms = _own_time(emission)
                self._record(plan, emission, at_ms)
                wire.put(Outgoing(plan.sensor, plan.topic, emission.data, at_ms))
                continue
            data = emission.data + b"\n" if plan.replay else emission.data
            written = wire.write(data, time.time())
            at_ms = time.time_ns() // 1_000_000
            if written.unheard_since_s is not None:
                self._recorder.write(
                    Window(
                        plan.sensor,
                        "nobody listening",
                        round(written.unheard_since_s * 1000) - 100,
                        at_ms - 1,
                    )
                )
            if written.whole:
                self._record(plan, emission, at_ms)
                if (noisy_since_s := injector.first_clean(at_ms / 1000)) is not None:
                    self._recorder.write(Window(plan.sensor, "corrupted", round(noisy_since_s * 1000), at_ms))

    def _record(self, plan: DevicePlan, emission: Emission, at_ms: int) -> None:
        self._recorder.write(
            *(Emitted(plan.sensor, quantity, value, at_ms) for quantity, value in emission.readings)
        )

    def _announce(self, plan: DevicePlan, injector: Injector, now_s: float) -> None:
        """Faults that begin; noise may also swallow the good frame that follows it."""
        for fault, start_s, end_s in injector.begun(now_s):
            start_ms, end_ms = round(start_s * 1000), round(end_s * 1000)
            self._recorder.write(FaultRecord(plan.sensor, fault.kind, start_ms, end_ms, fault.quantity or ""))
            if fault.kind is FaultKind.GARBAGE:
                self._recorder.write(
                    Window(plan.sensor, "corrupted", start_ms, end_ms + round(1000 * max(1.0, plan.period_s)))
                )


def _seen_by_radar(injector: Injector, at_s: float, kmh: float) -> float:
    """A faulty radar errs in the speed and not in the direction."""
    measure = injector.wrap(lambda quantity, at_s: abs(kmh))
    return math.copysign(measure("vehicle_speed", at_s), kmh)


def _own_time(emission: Emission) -> int:
    """The observation time that a published payload carries; a spoiled one may have none."""
    try:
        content = json.loads(emission.data)
        return int(content["t"]) if isinstance(content, dict) else round(float(content[0]["bt"]) * 1000)
    except (ValueError, TypeError, LookupError, OverflowError):
        return time.time_ns() // 1_000_000


async def _either(event: asyncio.Event, pause_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), pause_s)
    except TimeoutError:
        return


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
