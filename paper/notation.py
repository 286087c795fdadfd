"""Writes amounts, times and JSON the way the venue's protocols do, and reads JSON warily."""

import json
from datetime import UTC, datetime

from paper.model import MICROS


def decimal_text(micros: int) -> str:
    """Write micros as a plain decimal without trailing zeros, `430000` as `0.43`."""
    sign = "-" if micros < 0 else ""
    whole, part = divmod(abs(micros), MICROS)
    fraction = f"{part:06d}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def json_number(micros: int) -> int | float:
    """Turn micros into a JSON number; only feeds that send numbers in production use it.

    The division is correctly rounded, so its shortest form has at most the six decimals it had.
    """
    return micros // MICROS if micros % MICROS == 0 else micros / MICROS


def iso_time(at: int) -> str:
    """Write Unix milliseconds as `2026-03-12T09:25:00Z`, with milliseconds only where needed."""
    moment = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at % 1000:03d}Z" if at % 1000 else f"{moment}Z"


def parse_time(text: str) -> int | None:
    """Read an ISO 8601 time as Unix milliseconds; None when it is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp()) * 1000


def write_json(value: object) -> str:
    """Write compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def read_json(text: str) -> object:
    """Read JSON; raise ValueError for what is not JSON, too deep or with a number too long."""
    try:
        value: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    return value


def as_object(value: object) -> dict[str, object] | None:
    """Return a JSON object, or None for anything else."""
    return value if isinstance(value, dict) else None


def as_strings(value: object) -> tuple[str, ...] | None:
    """Return a JSON array of strings, or None for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)
