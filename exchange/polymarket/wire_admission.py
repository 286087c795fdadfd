"""The venue's answers about our right to trade, as typed records."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from exchange.polymarket.wire import (
    FilledText,
    Size,
    Text,
    UnfitError,
    WireModel,
    WireWallet,
    parse,
)
from trading.admission import Geoblock
from trading.types import Usd, Wallet

_MICROS = 1_000_000
_DIGITS_MAX = 78


def _to_allowance(value: object) -> Decimal:
    """Read whole micro-units; without a limit they are the greatest number of 256 bits."""
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        raise UnfitError(f"expected whole micro-units, received {text[:_DIGITS_MAX]!r}")
    return Decimal(text)


Allowance = Annotated[Decimal, BeforeValidator(_to_allowance)]


class _GeoblockRow(WireModel):
    blocked: bool = Field(strict=True)
    country: Text = ""
    region: Text = ""


class _ClosedOnlyRow(WireModel):
    closed_only: bool = Field(strict=True)


class _AllowanceRow(WireModel):
    balance: Size
    allowances: dict[WireWallet, Allowance] = Field(default_factory=dict)


class _KeysRow(WireModel):
    keys: tuple[FilledText, ...] = Field(validation_alias="apiKeys")


def read_geoblock(payload: object) -> Geoblock:
    """Return what the venue says of our place; `blocked` must be said outright."""
    row = parse(_GeoblockRow, payload)
    return Geoblock(row.blocked, row.country, row.region)


def read_closed_only(payload: object) -> bool:
    """Return whether the account may only close; it must be said outright."""
    return parse(_ClosedOnlyRow, payload).closed_only


def read_allowances(payload: object) -> tuple[Usd, dict[Wallet, Usd]]:
    """Return the collateral and what each contract may take of it, both sent in micro-units."""
    row = parse(_AllowanceRow, payload)
    allowed = {wallet: Usd(size / _MICROS) for wallet, size in row.allowances.items()}
    return Usd(row.balance / _MICROS), allowed


def read_api_keys(payload: object) -> tuple[str, ...]:
    """Return the ids of an account's API keys."""
    return parse(_KeysRow, payload).keys
