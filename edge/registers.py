"""Register maps of Modbus devices: TOML files that say what stands where. Pure but for reading the file.

function = 3                   # 3 holding, 4 input registers
baud = 4800
[[read]]                       # one request each polling round
start = 500
count = 14
[[value]]
register = 504                 # 0-based, as on the wire
name = "humidity_pct"
type = "uint16"                # uint16 int16 uint32 int32 float32
order = "ABCD"                 # of 32-bit values: ABCD big, CDAB words swapped, BADC bytes swapped, DCBA little
scale = 0.1
offset = 0.0
sentinel = [0x7fff]            # raw values that mean "not there"
quantity = "humidity"          # published when given; `unit` is the SenML unit of the scaled value
unit = "%RH"
raw_name = ""                  # also report the raw number under this name
"""

import math
import struct
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import msgspec

from runtime.config import ConfigError, parse
from telemetry.quantities import QUANTITIES, UnitMismatchError, to_canonical

MAX_COUNT = 125


class Type(StrEnum):
    """How registers are read as a number."""

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    FLOAT32 = "float32"


class Order(StrEnum):
    """Bytes of a 32-bit value on the wire, A the most significant."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


_FORMATS = {Type.UINT16: ">H", Type.INT16: ">h", Type.UINT32: ">I", Type.INT32: ">i", Type.FLOAT32: ">f"}


class Value(msgspec.Struct, frozen=True):
    """One number of a device."""

    register: int
    name: str
    type: Type = Type.UINT16
    order: Order = Order.ABCD
    scale: float = 1.0
    offset: float = 0.0
    sentinel: tuple[int, ...] = ()
    quantity: str = ""
    unit: str = ""
    raw_name: str = ""

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return 1 if self.type in (Type.UINT16, Type.INT16) else 2

    def scaled(self, raw: float) -> float:
        """The raw number in the map's unit, without the noise of binary fractions."""
        value = raw * self.scale + self.offset
        return value if self.type is Type.FLOAT32 and self.scale == 1 else round(value, 9)


class Read(msgspec.Struct, frozen=True):
    """One block of registers that is asked for."""

    start: int
    count: int


class RegisterMap(msgspec.Struct, frozen=True):
    """What a kind of device holds."""

    function: int
    read: tuple[Read, ...]
    value: tuple[Value, ...]
    baud: int = 9600
    title: str = ""


def load(name: str) -> RegisterMap:
    """A shipped map by its name, or one from a file (`name` ends in .toml); raises ValueError with one line."""
    try:
        if name.endswith(".toml"):
            found = parse(Path(name).read_text(encoding="utf-8"), RegisterMap, name)
        else:
            found = parse(
                (files("edge") / "maps" / f"{name}.toml").read_text(encoding="utf-8"),
                RegisterMap,
                f"map {name}",
            )
    except OSError:
        raise ValueError(f"no register map {name!r}; shipped: {', '.join(shipped())}") from None
    except ConfigError as error:
        raise ValueError(str(error)) from None
    _check(name, found)
    return found


def shipped() -> list[str]:
    """The names of the maps that come with the program."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in (files("edge") / "maps").iterdir()
        if entry.name.endswith(".toml")
    )


def _check(name: str, found: RegisterMap) -> None:
    if found.function not in (3, 4):
        raise ValueError(f"map {name}: function must be 3 or 4")
    for read in found.read:
        if not 0 <= read.start <= 0xFFFF or not 1 <= read.count <= MAX_COUNT:
            raise ValueError(f"map {name}: a read must be 1 to {MAX_COUNT} registers from 0 to 65535")
    for value in found.value:
        try:
            if value.quantity:
                to_canonical(value.quantity, 0.0, value.unit or QUANTITIES[value.quantity].unit)
        except (KeyError, UnitMismatchError, ValueError) as error:
            raise ValueError(f"map {name}: {value.name}: {error}") from None


def number(words: Sequence[int], kind: Type, order: Order) -> float | None:
    """The number in one or two 16-bit registers; None for a float that is not finite."""
    data = b"".join(word.to_bytes(2, "big") for word in words)
    if len(data) == 4:
        a, b, c, d = (data["ABCD".index(letter)] for letter in "ABCD")
        placed = dict(zip(order, (a, b, c, d), strict=True))
        data = bytes(placed[letter] for letter in "ABCD")
    (value,) = struct.unpack(_FORMATS[kind], data)
    return (
        float(value)
        if kind is Type.FLOAT32 and math.isfinite(value)
        else None
        if kind is Type.FLOAT32
        else int(value)
    )


def guess(words: Sequence[int]) -> dict[str, float | str]:
    """What two registers most likely mean when no map says: a float of ordinary size in either word order, else uint32."""
    for order, label in ((Order.ABCD, "big (ABCD)"), (Order.CDAB, "little (CDAB)")):
        value = number(words, Type.FLOAT32, order)
        if value is not None and (value == 0 or 1e-4 <= abs(value) < 1e9):
            return {"value": value, "type": f"float32 {order}", "word_order": label}
    value = number(words, Type.UINT32, Order.ABCD)
    return {"value": value if value is not None else 0, "type": "uint32 ABCD"}
