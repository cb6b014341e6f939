"""A simulated board that prints lines."""

from firmware_sim.devices.board import GREETING, Board

VALUES = {
    "water_level": 3.14, "temperature": 10.0, "pressure": 1013.25, "humidity": 67.0, "wind_speed": 3.1,
    "wind_direction": 0.2, "solar_radiation": 642.0, "rain": 0.762,
}  # fmt: skip


def measure(quantity: str, at_s: float) -> float:
    return VALUES[quantity]


def test_a_board_greets_and_prints_its_values() -> None:
    for objects, line in ((True, b'{"t":10.0,"rh":67.0,"p":1013.2}\r\n'), (False, b"10.00,67.00,1013.2\r\n")):
        board = Board(measure, objects=objects, start_s=0.0)
        assert board.emit(0.0)[0] == (GREETING, ())
        (emission,) = board.emit(1.0)
        assert emission.data == line
        assert emission.readings == (("temperature", 10.0), ("humidity", 67.0), ("pressure", 1013.2))
