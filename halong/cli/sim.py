"""`halong sim …`: simulated sensors, one or a whole city, that speak their real bytes and record what they sent."""

from pathlib import Path
from typing import Annotated

import typer

from halong.console import fail, run

sim = typer.Typer(
    no_args_is_help=True, help="Simulated sensors that speak their real bytes and record what they sent."
)

Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="KIND@T[+SECONDS], also SENSOR:KIND@T or SENSOR/QUANTITY:KIND@T. From second T on: spike, stuck, jitter, range,"
        " rate, noise, drift, ageing, bias, zero, unit, silence, gap, garbage or clock; repeatable.",
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same city.")]
Gateways = Annotated[int, typer.Option(min=1, max=12, help="How many gateways of the simulated city.")]


@sim.command("device")
def sim_device(
    protocol: Annotated[str, typer.Argument(help="A protocol of docs/drivers.md, or replay.")],
    pty: Annotated[Path, typer.Option(help="Link the pseudo-terminal here.")],
    seed: Seed = 1,
    fault: Faults = None,
    record: Annotated[Path | None, typer.Option(help="Write what was sent here, as JSON lines.")] = None,
    sensor: Annotated[
        str | None, typer.Option(help="The sensor's id in the record; default: the protocol.")
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(
            help="FILE:QUANTITY[:UNIT] for replay: a CSV with a column `value`, a row a second; repeatable."
        ),
    ] = None,
) -> None:
    """One device on a pseudo-terminal, until stopped. `replay` plays recorded series as NDJSON lines."""
    from firmware_sim import street as sim_street
    from firmware_sim.faults import parse_fault
    from runtime import log

    log.configure(process="sim", level="warning")
    try:
        faults = [parse_fault(text) for text in fault or ()]
        run(
            lambda stop: sim_street.run_device(
                protocol,
                link=pty,
                sensor=sensor or protocol,
                record=record,
                seed=seed,
                faults=faults,
                stop=stop,
                series=series or (),
            )
        )
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None


@sim.command("publisher")
def sim_publisher(
    protocol: Annotated[
        str,
        typer.Argument(
            help="chirpstack-v4, tts-v3, sparkplug-b, tasmota, zigbee2mqtt, shelly-gen2, json, senml-json, senml-cbor"
        ),
    ],
    broker: Annotated[str, typer.Option(help="The broker it publishes to.")],
    name: Annotated[
        str, typer.Option(help="The name in its topics: a DevEUI, GROUP/NODE, a device's name.")
    ] = "",
    period: Annotated[float, typer.Option(min=0.05, help="Seconds from message to message.")] = 1.0,
    seed: Seed = 1,
    record: Annotated[Path | None, typer.Option(help="Write what was sent here, as JSON lines.")] = None,
    sensor: Annotated[
        str | None, typer.Option(help="The sensor's id in the record; default: the protocol.")
    ] = None,
) -> None:
    """One device that publishes over MQTT, until stopped."""
    from firmware_sim import publishing
    from runtime import log

    log.configure(process="sim", level="warning")
    try:
        run(
            lambda stop: publishing.run(
                protocol,
                broker=broker,
                name=name,
                sensor=sensor or protocol,
                record=record,
                seed=seed,
                period_s=period,
                stop=stop,
            )
        )
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None


@sim.command("city")
def sim_city(
    directory: Annotated[
        Path, typer.Option(help="Link the pseudo-terminals below this directory, one per sensor.")
    ],
    broker: Annotated[str, typer.Option(help="The broker of the MQTT sensors.")],
    record: Annotated[Path, typer.Option(help="Write what was sent here, as JSON lines.")],
    seed: Seed = 1,
    gateways: Gateways = 12,
    fault: Faults = None,
    demo_faults: Annotated[bool, typer.Option(help="A few faults by themselves, one of each kind.")] = False,
) -> None:
    """The sensors of a simulated Hạ Long, until stopped."""
    from firmware_sim import city
    from firmware_sim import street as sim_street
    from firmware_sim.faults import parse_fault
    from runtime import log

    log.configure(process="sim", level="info")
    try:
        faults = [parse_fault(text) for text in fault or ()] + (
            city.demo_faults(seed, gateways) if demo_faults else []
        )
        plan = city.plan(seed, gateways)
        run(
            lambda stop: sim_street.run(
                plan, directory=directory, broker=broker, record=record, seed=seed, faults=faults, stop=stop
            )
        )
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None
