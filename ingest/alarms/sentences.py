"""An alarm in one sentence, in English and Vietnamese: the gravest anomaly's own, and who else sees it. Pure."""

from collections.abc import Mapping, Sequence

from ingest import comparison, words
from ingest.telling import Known
from telemetry.alarm import AlarmFamily, family_of
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.quantities import QUANTITIES

OVER, OVER_VI = "; over after ", "; đã hết sau "
NAMED = 3  # further sensors by name; beyond that by number


def group(
    leader: Anomaly, members: Sequence[Anomaly], known: Mapping[str, Known], lasted_ms: int | None
) -> tuple[str, str]:
    """`lasted_ms` None while it lasts."""
    text, text_vi = (
        leader.text.partition(OVER)[0].rstrip("."),
        leader.text_vi.partition(OVER_VI)[0].rstrip("."),
    )
    others = [one for one in members if one.sensor != leader.sensor]
    if family_of(leader.kind) is AlarmFamily.CITY:
        more, more_vi = _who_agrees(leader, others)
    elif leader.kind in (AnomalyKind.SILENCE, AnomalyKind.GAP):
        more, more_vi = _who_else(others, known)
    else:
        more, more_vi = _what_else(leader, members)
    return _end(text + more, text_vi + more_vi, lasted_ms)


def storm(
    leader: Anomaly, members: Sequence[Anomaly], known: Mapping[str, Known], lasted_ms: int | None
) -> tuple[str, str]:
    """Too many alarms at once: how many further ones, and where."""
    sensors = {one.sensor for one in members}
    sites = sorted({one.site for one in members if one.site})
    place = f" at {len(sites)} sites" if len(sites) != 1 else f" at {sites[0]}"
    place_vi = f" tại {len(sites)} địa điểm" if len(sites) != 1 else f" tại {sites[0]}"
    text = f"Storm of alarms: {len(sensors)} further sensors or gateways{place}, told together"
    text_vi = f"Quá nhiều cảnh báo: thêm {len(sensors)} cảm biến hoặc trạm thu{place_vi}, báo chung"
    return _end(text, text_vi, lasted_ms)


def _who_agrees(leader: Anomaly, others: Sequence[Anomaly]) -> tuple[str, str]:
    """Neighbours that see the same quantity, and what else is unusual at the site."""
    same = {one.sensor for one in others if one.quantity == leader.quantity}
    if comparison.NEIGHBOURS in leader.text:  # they were asked when it opened
        same = set()
    rest = {one.quantity for one in others if one.quantity in QUANTITIES} - {leader.quantity}
    text = text_vi = ""
    if same:
        text += f"; {words.count(len(same))} {'neighbour agrees' if len(same) == 1 else 'neighbours agree'}"
        text_vi += f"; {len(same)} cảm biến bên cạnh cũng thấy như vậy"
    if rest:
        text += f"; unusual there, too: {', '.join(words.title(one) for one in sorted(rest))}"
        text_vi += f"; cũng bất thường ở đó: {', '.join(words.title_vi(one) for one in sorted(rest))}"
    return text, text_vi


def _who_else(others: Sequence[Anomaly], known: Mapping[str, Known]) -> tuple[str, str]:
    sensors = sorted({one.sensor for one in others})
    if not sensors:
        return "", ""
    if len(sensors) > NAMED:
        return (
            f"; {len(sensors)} further sensors of the site, too",
            f"; thêm {len(sensors)} cảm biến của địa điểm này",
        )
    names = ", ".join(_here(known[one]) if one in known else one for one in sensors)
    return f"; the same of {names}", f"; {names} cũng vậy"


def _here(known: Known) -> str:
    """A sensor's name where its place was named before."""
    return known.name.removesuffix(f", {known.place}") if known.place else known.name


def _what_else(leader: Anomaly, members: Sequence[Anomaly]) -> tuple[str, str]:
    """Further quantities of the one sensor."""
    rest = sorted({one.quantity for one in members if one.quantity in QUANTITIES} - {leader.quantity})
    if not rest:
        return "", ""
    return (
        f"; also {', '.join(words.title(one) for one in rest)}",
        f"; cả {', '.join(words.title_vi(one) for one in rest)}",
    )


def _end(text: str, text_vi: str, lasted_ms: int | None) -> tuple[str, str]:
    if lasted_ms is None:
        return f"{text}.", f"{text_vi}."
    return f"{text}{OVER}{words.duration(lasted_ms)}.", f"{text_vi}{OVER_VI}{words.duration_vi(lasted_ms)}."
