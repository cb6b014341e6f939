"""How a range is cut into runs of windows; what is read through them is tested on both stores in tests/contracts."""

from hypothesis import given
from hypothesis import strategies as st

from storage.amendments import Corrected, Invalid, merged
from storage.ledger import without
from storage.runs import runs
from telemetry.corrections import Correction, Form

edges = st.integers(0, 60)
periods = st.lists(st.tuples(edges, st.none() | edges), max_size=4).map(
    lambda found: [(low, high) for low, high in found if high is None or low < high]
)


def corrected(low: int, high: int | None, form: Form) -> Corrected:
    return Corrected(
        id=1,
        sensor="pm-1",
        quantity="pm25",
        start_ms=low,
        end_ms=high,
        reason="",
        who="",
        noted_ms=0,
        correction=Correction(form),
    )


def invalid(low: int, high: int | None) -> Invalid:
    return Invalid(id=1, sensor="pm-1", quantity="", start_ms=low, end_ms=high, reason="", who="", noted_ms=0)


@given(
    edges, st.integers(1, 60), st.integers(1, 13), st.integers(0, 12), periods, edges, st.sampled_from(Form)
)
def test_runs_leave_nothing_out_and_mix_nothing(
    start: int,
    length: int,
    window: int,
    offset: int,
    gaps: list[tuple[int, int | None]],
    since: int,
    form: Form,
) -> None:
    end = start + length
    correction = corrected(since, None, form)
    found = runs(start, end, window, offset, [correction], gaps)
    covered = [instant for run in found for instant in range(run.start_ms, run.end_ms)]
    assert len(covered) == len(set(covered))
    assert covered == sorted(covered)
    out = set(range(start, end)) - set(covered)
    assert all(any(low <= at and (high is None or at < high) for low, high in gaps) for at in out)
    for run in found:
        assert run.start_ms == start or (run.start_ms - offset) % window == 0
        assert run.end_ms == end or (run.end_ms - offset) % window == 0
        if not run.exact:
            state = {
                (correction.holds(at), any(low <= at and (high is None or at < high) for low, high in gaps))
                for at in range(run.start_ms, run.end_ms)
            }
            assert len(state) == 1
            assert state in ({(False, False)}, {(True, False)})
            assert (run.correction is not None) == state.copy().pop()[0]
            assert run.correction is None or run.correction.linear


@given(periods, periods)
def test_periods_are_counted_once(
    one: list[tuple[int, int | None]], other: list[tuple[int, int | None]]
) -> None:
    def instants(pieces: list[tuple[int, int]]) -> list[int]:
        return [at for low, high in pieces for at in range(low, high)]

    whole = merged([invalid(low, high) for low, high in one], 5, 50)
    parts = merged([invalid(low, high) for low, high in other], 5, 50)
    inside = {at for at in range(5, 50) if any(low <= at and (h is None or at < h) for low, h in one)}
    assert instants(whole) == sorted(inside)
    assert instants(without(parts, whole)) == sorted(set(instants(parts)) - inside)
