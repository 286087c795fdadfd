"""Tells new fills from repeated ones, for sources whose fills have no name."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace
from decimal import Decimal

from trading.types import ZERO, Shares, Side, TokenId, Wallet, WhaleFill

REMEMBERED_MAX = 20_000
"""Keys kept: days of fills as followed wallets make them, and 13 minutes of 100 fills a second."""

_Lot = tuple[str, Wallet, TokenId, Side]


class SurplusMerger:
    """Merges copies of one stream of fills that have no identity of their own.

    Per transaction, wallet, token and side, what passes is the largest total that any one copy
    has told, so that equal fills of one transaction all pass and repetitions do not.
    """

    def __init__(self) -> None:
        """Start with nothing told."""
        self._told: OrderedDict[_Lot, dict[Hashable, Decimal]] = OrderedDict()
        self._passed: dict[_Lot, Decimal] = {}

    def new_part(self, fill: WhaleFill, copy: Hashable) -> WhaleFill | None:
        """Return the part of a fill that no copy has told before, None when all of it was."""
        lot = (fill.transaction_hash, fill.wallet, fill.token_id, fill.side)
        totals = self._told.setdefault(lot, {})
        totals[copy] = totals.get(copy, ZERO) + fill.size
        surplus = totals[copy] - self._passed.get(lot, ZERO)
        if surplus <= 0:
            return None
        part = Shares(min(surplus, fill.size))
        self._passed[lot] = self._passed.get(lot, ZERO) + part
        self._forget_oldest()
        return replace(fill, size=part)

    def _forget_oldest(self) -> None:
        if len(self._told) > REMEMBERED_MAX:
            lot, _ = self._told.popitem(last=False)
            self._passed.pop(lot, None)
