"""Reads the venue's JSON warily: no floats, drifting types tolerated, nonsense refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from exchange.port import WireError
from trading.types import MICRO, OrderHash, Side, TokenId, Wallet

PAYLOAD_CHARACTERS_MAX = 4096
_TEXT_MAX = 8192
_NUMBER_MAX = Decimal(10) ** 15
_DIGITS_MAX = 40
_MILLISECONDS_FROM = 10**11
_SECONDS_MAX = 10**10
_HEX = frozenset("0123456789abcdef")

Model = TypeVar("Model", bound="WireModel")


class UnfitError(ValueError):
    """A field that is not what the venue documents; becomes a WireError with the field's name."""


class WireModel(BaseModel):
    """A payload of the venue; fields we do not know are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def read_json(text: str | bytes) -> object:
    """Return a JSON document with Decimals for its fractions; raise WireError for nonsense."""
    try:
        document: object = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise WireError(f"expected JSON, received {excerpt(text, 200)!r}") from error
    return document


def parse(model: type[Model], payload: object) -> Model:
    """Return a payload as its record; raise WireError saying which field was wrong and how."""
    try:
        return model.model_validate(payload)
    except (ValidationError, ArithmeticError, RecursionError) as error:
        why = _first_fault(error)
        raise WireError(f"expected {model.__name__}, {why}") from error


def read_objects(text: str | bytes) -> list[dict[str, object]]:
    """Return the objects of a frame that holds one or an array of them, as sockets send both."""
    document = read_json(text)
    items = document if isinstance(document, list) else [document]
    return [as_object(item) for item in items]


def as_object(payload: object) -> dict[str, object]:
    """Return a payload that must be a JSON object."""
    if not isinstance(payload, dict):
        raise WireError(f"expected an object, received {type(payload).__name__}")
    return payload


def as_list(payload: object) -> list[object]:
    """Return a payload that must be a JSON array."""
    if not isinstance(payload, list):
        raise WireError(f"expected an array, received {type(payload).__name__}")
    return payload


def excerpt(payload: str | bytes, limit: int = PAYLOAD_CHARACTERS_MAX) -> str:
    """Return the beginning of a payload, fit for a text column and a log."""
    cut = payload[:limit]
    text = cut.decode("utf-8", "replace") if isinstance(cut, bytes) else cut
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def to_micro(number: Decimal) -> Decimal:
    """Round to the six decimals that the chain knows; feeds send them as binary fractions."""
    return number.quantize(MICRO, rounding=ROUND_HALF_EVEN)


def _first_fault(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "the whole"
    received = excerpt(str(fault["input"]), 80) if fault["type"] != "missing" else "nothing"
    return f"{place}: {fault['msg']}, received {received}"


def _refuse_constant(name: str) -> object:
    raise UnfitError(f"{name} is no number")


def _to_decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise UnfitError(f"expected a decimal, received {type(value).__name__}")
    if isinstance(value, str) and len(value) > _DIGITS_MAX * 2:
        raise UnfitError("expected a decimal of fewer digits")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise UnfitError("expected a decimal") from error
    if not number.is_finite() or number.copy_abs() >= _NUMBER_MAX:
        raise UnfitError("expected a finite decimal below 10^15")
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_DIGITS_MAX:
        raise UnfitError(f"expected at most {_DIGITS_MAX} decimals")
    return number


def _to_decimal_or_zero(value: object) -> Decimal:
    return Decimal(0) if value is None or value == "" else _to_decimal(value)


def _to_decimal_or_none(value: object) -> Decimal | None:
    return None if value is None or value == "" else _to_decimal(value)


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UnfitError(f"expected text, received {type(value).__name__}")
    return excerpt(str(value), _TEXT_MAX)


def _to_filled_text(value: object) -> str:
    text = _to_text(value)
    if not text:
        raise UnfitError("expected text, received none")
    return text


def _hex_of(digits: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        text = value.lower() if isinstance(value, str) else ""
        if len(text) != digits + 2 or text[:2] != "0x" or not _HEX.issuperset(text[2:]):
            raise UnfitError(f"expected 0x and {digits} hex digits")
        return text

    return check


def _to_condition(value: object) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if text[:2] != "0x" or not 2 < len(text) <= 66 or not _HEX.issuperset(text[2:]):
        raise UnfitError("expected 0x and at most 64 hex digits")
    return text


def _to_token(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.isascii() or not text.isdecimal() or len(text) > 78:
        raise UnfitError("expected the decimal digits of a token id")
    return str(int(text))


def _to_side(value: object) -> Side:
    if not isinstance(value, str):
        raise UnfitError("expected BUY or SELL")
    return Side(value.upper())


def _to_moment(value: object) -> datetime:
    """Read seconds or milliseconds since 1970, as number or text, or an ISO time."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
        return _from_iso(value)
    number = _to_decimal(value)
    seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
    if not 0 <= seconds < _SECONDS_MAX:
        raise UnfitError("expected a time after 1970")
    whole, part = divmod(int(seconds * 1_000_000), 1_000_000)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=part)


def _from_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _to_moment_or_none(value: object) -> datetime | None:
    return None if value in (None, "", "0", 0) else _to_moment(value)


def _to_items(value: object) -> object:
    """Read an array that may have been sent as the text of one."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return json.loads(value, parse_float=Decimal, parse_constant=_refuse_constant)
    return value


def _positive(number: Decimal) -> Decimal:
    if number <= 0:
        raise UnfitError("expected more than 0")
    return number


def _not_negative(number: Decimal) -> Decimal:
    if number < 0:
        raise UnfitError("expected 0 or more")
    return number


def _probability(number: Decimal) -> Decimal:
    if not 0 < number < 1:
        raise UnfitError("expected a price between 0 and 1")
    return number


Number = Annotated[Decimal, BeforeValidator(_to_decimal)]
Size = Annotated[Decimal, BeforeValidator(_to_decimal), AfterValidator(_not_negative)]
SizeOrZero = Annotated[Decimal, BeforeValidator(_to_decimal_or_zero), AfterValidator(_not_negative)]
PositiveSize = Annotated[Decimal, BeforeValidator(_to_decimal), AfterValidator(_positive)]
OptionalNumber = Annotated[Decimal | None, BeforeValidator(_to_decimal_or_none)]
WirePrice = Annotated[Decimal, BeforeValidator(_to_decimal), AfterValidator(_probability)]
Text = Annotated[str, BeforeValidator(_to_text)]
FilledText = Annotated[str, BeforeValidator(_to_filled_text)]
WireHash = Annotated[OrderHash, BeforeValidator(_hex_of(64))]
WireWallet = Annotated[Wallet, BeforeValidator(_hex_of(40))]
WireCondition = Annotated[str, BeforeValidator(_to_condition)]
WireToken = Annotated[TokenId, BeforeValidator(_to_token)]
WireSide = Annotated[Side, BeforeValidator(_to_side)]
Moment = Annotated[datetime, BeforeValidator(_to_moment)]
OptionalMoment = Annotated[datetime | None, BeforeValidator(_to_moment_or_none)]
Items = BeforeValidator(_to_items)
