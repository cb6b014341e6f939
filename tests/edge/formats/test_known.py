"""What the configuration names comes before what a format takes by itself."""

import pytest

from edge.driver import BadFrameError
from edge.formats.contract import Options
from edge.formats.known import Chooser, Leaf
from edge.payloads import Dated, FieldSpec

INSIDE = Leaf(("DHT11.Temperature", "Temperature"), 31.0, "temperature", "Cel")
OUTSIDE = Leaf(("BME280.Temperature", "Temperature"), 77.0, "temperature", "degF")
POWER = Leaf(("switch:1.apower", "apower"), "25.5", None, "W")


def chosen(options: Options, *leaves: Leaf, content: object = None) -> dict[str, float]:
    return {dated.quantity: dated.value for dated in Chooser(options).choose(leaves, content or {}, None)}


def test_of_several_the_first() -> None:
    assert chosen(Options(), INSIDE, OUTSIDE) == {"temperature": 31.0}


def test_names_come_before_it_most_specific_first() -> None:
    assert chosen(Options(names={"BME280.Temperature": "temperature"}), INSIDE, OUTSIDE) == {
        "temperature": pytest.approx(25.0)
    }
    names = {"Temperature": "temperature", "DHT11.Temperature": "device_temperature"}
    assert chosen(Options(names=names), INSIDE, OUTSIDE) == {
        "device_temperature": 31.0,
        "temperature": pytest.approx(25.0),
    }
    assert chosen(Options(names={"switch:1.apower": "power"}), POWER) == {"power": 25.5}


def test_fields_come_before_both() -> None:
    options = Options({"temperature": FieldSpec("probe.t", "degF")}, {"DHT11.Temperature": "temperature"})
    assert chosen(options, INSIDE, OUTSIDE, content={"probe": {"t": 32}}) == {
        "temperature": pytest.approx(0.0)
    }
    assert chosen(options, OUTSIDE, content={}) == {}


@pytest.mark.parametrize("value", [None, True, [230, 231], {"a": 1}])
def test_what_is_no_number_is_absent(value: object) -> None:
    assert chosen(Options(), INSIDE._replace(value=value)) == {}


def test_a_text_that_is_no_number_and_a_unit_that_does_not_fit_are_refused() -> None:
    with pytest.raises(BadFrameError, match=r"DHT11\.Temperature is not a number"):
        chosen(Options(), INSIDE._replace(value="hot"))
    with pytest.raises(BadFrameError, match="power is kept in W"):
        chosen(Options(names={"Temperature": "power"}), INSIDE)


def test_flags_stay() -> None:
    assert Chooser(Options()).choose([INSIDE._replace(flags=2)], {}, 5) == (Dated("temperature", 31.0, 5, 2),)
