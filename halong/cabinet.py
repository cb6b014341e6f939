"""What a technician tells a gateway: the state of an instrument, a swapped device. Written to the logbook (`edge.logbook`),
which the agent reads; docs/decisions/0006-a-file-tells-the-agent.md says why."""

from pathlib import Path

from edge import holders, logbookfile
from edge.logbook import Period, Swap
from edge.settings import EdgeConfig
from telemetry.reading import InstrumentState
from telemetry.times import city_time

STATES = [str(state) for state in InstrumentState]
CALIBRATING_S = 3600.0  # a calibration that nobody ends is over then


class CabinetError(Exception):
    """It could not be written down; the message says what to do."""


def tell_state(settings: EdgeConfig, sensor: str, now_ms: int) -> str:
    """What holds for the sensor now, in one line."""
    try:
        period = logbookfile.read(_logbook(settings)).period(sensor, now_ms)
    except logbookfile.LogbookError as error:
        raise CabinetError(str(error)) from error
    if period is None:
        return f"{sensor}: measuring"
    return f"{sensor}: {period.state} since {city_time(period.from_ms)}, {_end(period.until_ms)}"


def set_state(settings: EdgeConfig, sensor: str, state: str, lasts_s: float | None, now_ms: int) -> str:
    """Write the state down, durably; one line that says what holds now and who marks it. Raises CabinetError."""
    wanted = InstrumentState(state)
    if lasts_s is None and wanted is InstrumentState.CALIBRATING:
        lasts_s = CALIBRATING_S
    until_ms = now_ms + round(lasts_s * 1000) if lasts_s is not None else None
    period = Period(sensor, wanted, now_ms, until_ms)
    try:
        logbookfile.write(_logbook(settings), lambda logbook: logbook.said(period))
    except logbookfile.LogbookError as error:
        raise CabinetError(str(error)) from error
    until = "" if wanted is InstrumentState.MEASURING else f", {_end(until_ms)}"
    return f"{sensor}: {wanted} from {city_time(now_ms)}{until}; {_who(settings)}"


def replace(settings: EdgeConfig, sensor: str, serial: str, note: str, now_ms: int) -> str:
    """Write the swap down, durably; one line. Raises CabinetError."""
    swap = Swap(sensor, now_ms, serial, note)
    try:
        logbookfile.write(_logbook(settings), lambda logbook: logbook.swapped(swap))
    except logbookfile.LogbookError as error:
        raise CabinetError(str(error)) from error
    device = f"device {serial}" if serial else "another device"
    return f"{sensor}: {device} since {city_time(now_ms)}; {_who(settings)}"


def _logbook(settings: EdgeConfig) -> Path:
    return logbookfile.beside(Path(settings.journal.path))


def _end(until_ms: int | None) -> str:
    return f"until {city_time(until_ms)}" if until_ms is not None else "until you say `measuring`"


def _who(settings: EdgeConfig) -> str:
    agent = holders.of_journal(Path(settings.journal.path))
    if agent is None:
        return "no agent runs on this journal now, the next one will mark its readings"
    return f"the running agent (process {agent.pid}) marks it"
