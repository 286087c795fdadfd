"""Writes records as JSON: money as decimal text, times as ISO 8601 in UTC, names as they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


def to_json(thing: object) -> Json:
    """Write a record, and all records in it, field by field.

    A Decimal becomes text without an exponent and without trailing zeros, so that no reader
    turns money into a binary float.
    """
    match thing:
        case None | bool():
            return thing
        case str() | int():
            return _plain(thing)
        case Decimal():
            return decimal_text(thing)
        case datetime():
            return time_text(thing)
        case Mapping():
            return {str(name): to_json(part) for name, part in thing.items()}
        case _:
            return _parts(thing)


def json_text(thing: Json) -> str:
    """Write JSON on one line; NaN cannot occur."""
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def decimal_text(number: Decimal) -> str:
    """Write a number in full: 12.500000 is 12.5, 1E+2 is 100."""
    assert number.is_finite(), f"expected a finite number, received {number}"
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def time_text(at: datetime) -> str:
    """Write an aware time in UTC, to the millisecond: 2026-10-01T12:00:00.000Z."""
    assert at.tzinfo is not None, f"expected an aware time, received {at}"
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(thing: str | int) -> str | int:
    """Strip an enum to its text or number."""
    return str(thing) if isinstance(thing, str) else int(thing)


def _parts(thing: object) -> Json:
    if isinstance(thing, Sequence | frozenset):
        return [to_json(part) for part in thing]
    assert is_dataclass(thing), f"expected something JSON can say, received {type(thing).__name__}"
    return {part.name: to_json(getattr(thing, part.name)) for part in fields(thing)}
