"""The Data API by wallet: positions, what they are worth, and who holds a market."""

from collections import defaultdict
from collections.abc import Sequence

from aiohttp import web

from paper.data_holdings import Holdings
from paper.data_rows import Row, holder_row, position_row
from paper.data_wire import (
    PAGE_DEFAULT,
    PAGE_MAX,
    conditions,
    optional_user,
    paged,
    required_user,
)
from paper.model import MICROS
from paper.notation import json_number
from paper.pasts import closed_position_rows
from paper.positions import Holding, HoldingStatus
from paper.query import QueryError, boolean, choice, decimal_micros, integer, page

STATUSES = ("", "OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED")
SORT_FIELDS = {
    "CURRENT_VALUE": "current_value",
    "PRICE": "current_price",
    "TOKENS": "current_size",
    "UNREALIZED_PNL": "unrealized_pnl",
    "REALIZED_PNL": "realized_pnl",
    "TOTAL_PNL": "total_pnl",
    "TIMESTAMP": "last_event_at",
}
SECONDS_MAX = 253_402_300_799  # the end of the year 9999


class DataWallets:
    """Answers about holdings."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings

    def positions(self, request: web.Request) -> Row:
        """List positions of a wallet or of one market; closed ones only on demand.

        A tape's wallet also has the closed positions of its invented past.
        """
        user, named = optional_user(request), conditions(request)
        status = choice(request, "status", STATUSES, "")
        if user is None and len(named) != 1:
            raise QueryError("user or exactly one condition_id is required")
        found = self._holdings.of_condition(named[0]) if user is None else self._of(user, named)
        rows = [self._row(holding) for holding in _with_status(found, status)]
        if user is not None and status == "CLOSED" and not named:
            rows += self._past_rows(user)
        rows = _sorted(request, [row for row in rows if _is_wanted(request, row)], status)
        return paged(rows, page(request, "cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX))

    def value(self, request: web.Request) -> Row:
        """Tell what a wallet's holdings are worth now."""
        user = required_user(request)
        worth = sum(
            holding.size * self._holdings.price(holding) // MICROS
            for holding in self._of(user, conditions(request))
        )
        return {"data": {"proxy_wallet": user, "value": json_number(worth)}}

    def holders(self, request: web.Request) -> Row:
        """List who holds the tokens of markets, the largest holder of each first."""
        named = conditions(request)
        if not named:
            raise QueryError("condition_id is required")
        size_min = decimal_micros(request, "min_balance") or 0
        has_pnl = bool(boolean(request, "include_pnl", default=False))
        by_token: defaultdict[str, list[Holding]] = defaultdict(list)
        for condition_id in named:
            for holding in self._holdings.of_condition(condition_id):
                if holding.size and holding.size >= size_min:
                    by_token[holding.token_id].append(holding)
        rows: list[Row] = [
            {"token_id": token_id, "holders": self._holder_rows(held, has_pnl=has_pnl)}
            for token_id, held in by_token.items()
        ]
        return paged(rows, page(request, "cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX))

    def _of(self, user: str, named: Sequence[str]) -> list[Holding]:
        return [
            holding
            for holding in self._holdings.of_wallet(user)
            if not named or holding.market.condition_id.lower() in named
        ]

    def _row(self, holding: Holding) -> Row:
        return position_row(holding, self._holdings.price(holding), self._holdings.name_of(holding))

    def _past_rows(self, user: str) -> Sequence[Row]:
        past = self._holdings.past(user)
        return () if past is None else closed_position_rows(past)

    def _holder_rows(self, held: list[Holding], *, has_pnl: bool) -> list[Row]:
        return [
            holder_row(
                holding,
                self._holdings.price(holding) if has_pnl else None,
                self._holdings.name_of(holding),
            )
            for holding in sorted(held, key=lambda holding: -holding.size)
        ]


def _with_status(found: Sequence[Holding], status: str) -> list[Holding]:
    """Keep what a status asks for; without one, everything that is still held."""
    match status:
        case "":
            return [holding for holding in found if holding.status is not HoldingStatus.CLOSED]
        case "REDEEMABLE_LOST":
            waiting = _with_status(found, "REDEEMABLE")
            return [holding for holding in waiting if not holding.payout]
        case "MERGEABLE":
            still_open = _with_status(found, "OPEN")
            held = [(holding.wallet, holding.market.condition_id) for holding in still_open]
            return [
                holding
                for holding, key in zip(still_open, held, strict=True)
                if held.count(key) > 1
            ]
        case _:
            return [holding for holding in found if holding.status.value == status]


def _is_wanted(request: web.Request, row: Row) -> bool:
    amount = (decimal_micros(request, "filter_amount") or 0) / MICROS
    kind = choice(request, "filter_type", ("", "CASH", "TOKENS"), "")
    field = {"CASH": "current_value", "TOKENS": "current_size"}.get(kind)
    title = request.query.get("title", "").strip().lower()
    start, end = integer(request, "start", 0), integer(request, "end", SECONDS_MAX)
    return (
        (field is None or _number(row, field) >= amount)
        and title in str(row["title"]).lower()
        and start <= _number(row, "last_event_at") <= end
    )


def _sorted(request: web.Request, rows: list[Row], status: str) -> list[Row]:
    default = "TIMESTAMP" if status == "CLOSED" else "CURRENT_VALUE"
    field = SORT_FIELDS[choice(request, "sort_by", tuple(SORT_FIELDS), default)]
    direction = choice(request, "sort_direction", ("ASC", "DESC"), "DESC")
    return sorted(rows, key=lambda row: _number(row, field), reverse=direction == "DESC")


def _number(row: Row, field: str) -> int | float:
    value = row[field]
    return value if isinstance(value, int | float) else 0
