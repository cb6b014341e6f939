"""docs/drivers.md lists exactly the drivers there are, with the line and the quantities they have."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge.driver import extras
from edge.drivers import SHIPPED
from telemetry.quantities import QUANTITIES

if TYPE_CHECKING:
    from conftest import Sample

PAGE = (Path(__file__).parents[2] / "docs" / "drivers.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in line.strip("|").split(" | ")]]
}
SAID_IN_WORDS = ("modbus-rtu", "sdi12", "nmea0183", "line-ndjson", "line-delimited")


def test_the_table_lists_exactly_the_drivers() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert sorted(ROWS) == sorted(SHIPPED)
    assert len(rows) == len(SHIPPED)


def test_a_row_has_the_line_and_the_quantities_of_its_driver(sample: "Sample") -> None:
    driver = sample.driver()
    _, _, line, style, quantities, *_ = ROWS[sample.protocol]
    if sample.protocol != "modbus-rtu":  # its baud is the map's
        assert line.startswith(f"{driver.baud} {extras(driver).line}")
    assert ("asked" in style.split(";")[0]) is bool(driver.requests)
    if sample.protocol in SAID_IN_WORDS:
        assert not set(quantities.split()) & QUANTITIES.keys()
    else:
        assert tuple(quantities.split()) == driver.quantities
