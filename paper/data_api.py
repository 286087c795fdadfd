"""The Data API, version 2: trades, activity, results, allowances and how fresh it all is."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from aiohttp import web

from paper.catalogue import Catalogue
from paper.data_faults import FailingData
from paper.data_holdings import Holdings
from paper.data_moves import MoveDesk
from paper.data_profits import DataProfits
from paper.data_rows import (
    Row,
    approvals_row,
    move_activity_row,
    redeem_activity_row,
    resolution_row,
    trade_activity_row,
    trade_row,
)
from paper.data_wallets import DataWallets
from paper.data_wire import (
    PAGE_DEFAULT,
    PAGE_MAX,
    conditions,
    enveloped,
    optional_user,
    paged,
    required_user,
)
from paper.fills import PublicFill
from paper.model import MICROS
from paper.names import Names
from paper.public_trades import PublicTrades
from paper.query import (
    QueryError,
    boolean,
    choice,
    cursor_at,
    decimal_micros,
    integer,
    listed,
    page,
)
from paper.venue import Venue

SIDES = ("BUY", "SELL")
ACTIVITY_TYPES = {
    "TRADE",
    "SPLIT",
    "MERGE",
    "REDEEM",
    "CONVERSION",
    "REWARD",
    "DEPOSIT",
    "WITHDRAWAL",
    "MAKER_REBATE",
    "TAKER_REBATE",
    "REFERRAL_REWARD",
    "YIELD",
    "MIGRATION",
    "TIP",
}
FOREVER = 1 << 62
EVENTS_MAX = 20


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Where the Data API is found, and how long after its match a fill appears there."""

    prefix: str = "/data"
    lag_ms: int = 5_000  # production's median with a varied query


def add_data_routes(
    app: web.Application, venue: Venue, names: Names, settings: DataSettings
) -> None:
    """Add the Data API's routes."""
    trades = PublicTrades(venue, settings.lag_ms)
    holdings = Holdings(venue, trades, names)
    data = DataApi(venue, trades, holdings)
    wallets, profits = DataWallets(holdings), DataProfits(venue, holdings)
    failing = FailingData(venue.faults, trades)
    app.router.add_post("/_paper/moves", MoveDesk(venue, trades).serve)
    for path, answer in (
        ("trades", data.trades),
        ("activity", data.activity),
        ("resolutions", data.resolutions),
        ("approvals", data.approvals),
        ("status", data.status),
        ("positions", wallets.positions),
        ("value", wallets.value),
        ("holders", wallets.holders),
        ("leaderboard", profits.leaderboard),
        ("user-stats", profits.user_stats),
        ("user-pnl", profits.user_pnl),
        ("user-volume", profits.user_volume),
    ):
        app.router.add_get(f"{settings.prefix}/v2/{path}", failing.route(path, answer))


@dataclass(frozen=True, slots=True)
class FillFilter:
    """Which fills are wanted; times in Unix ms, amounts in micros."""

    conditions: frozenset[str] | None
    side: str
    start: int
    end: int
    cost_min: int
    size_min: int

    def names(self, condition_id: str) -> bool:
        """Tell whether a market is wanted."""
        return self.conditions is None or condition_id.lower() in self.conditions

    def wants(self, fill: PublicFill) -> bool:
        """Tell whether a fill is wanted."""
        return (
            self.names(fill.trade.condition_id)
            and (not self.side or fill.side.value == self.side)
            and self.start <= fill.at < self.end
            and fill.cost >= self.cost_min
            and fill.size >= self.size_min
        )


class DataApi:
    """Answers about fills and markets."""

    def __init__(self, venue: Venue, trades: PublicTrades, holdings: Holdings) -> None:
        self._venue = venue
        self._catalogue = Catalogue(venue)
        self._trades = trades
        self._holdings = holdings

    def trades(self, request: web.Request) -> Row:
        """List fills, newest first; only those of takers unless `taker_only=false`.

        As in production a maker's fills stay out of sight without it, and `start` and `end`
        count only together with `user`.
        """
        user = optional_user(request)
        wanted_fills = self._filter(request, has_times=user is not None)
        is_taker_only = boolean(request, "taker_only", default=True)
        wanted = page(request, "cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX)
        fills = self._trades.all() if user is None else self._trades.of_wallet(user)
        found = (
            (place, fill)
            for place, fill in self._trades.newest_first(fills, wanted.start or None)
            if wanted_fills.wants(fill) and (fill.is_taker or not is_taker_only)
        )
        rows, cursor = self._cut(found, wanted.limit)
        return enveloped(rows, wanted, cursor)

    def activity(self, request: web.Request) -> Row:
        """List a wallet's trades, moves and redemptions, newest first unless asked otherwise.

        `type` takes exactly one value; anything else is ignored, as in production.
        """
        user = required_user(request)
        wanted_fills = self._filter(request, has_times=True)
        kind = request.query.get("type", "")
        kinds = {kind} if kind in ACTIVITY_TYPES else ACTIVITY_TYPES
        found: list[tuple[int, Row]] = []
        if "TRADE" in kinds:
            found += self._traded(user, wanted_fills)
        if "REDEEM" in kinds and not wanted_fills.side:
            found += self._redeemed(user, wanted_fills)
        if not wanted_fills.side:
            found += self._moved(user, wanted_fills, kinds)
        direction = choice(request, "sort_direction", ("ASC", "DESC"), "DESC")
        found.sort(key=lambda entry: entry[0])
        if direction == "DESC":
            found.reverse()
        wanted = page(request, "cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX)
        return paged([row for _, row in found], wanted)

    def resolutions(self, request: web.Request) -> Row:
        """List results by condition or event; an unresolved market is only initialised."""
        named, events = conditions(request), self._of_events(request)
        question = request.query.get("question_id", "").lower()
        wanted = set(named) | (events or set()) | ({question} if question else set())
        if not wanted and events is None:
            raise QueryError("condition_id, event_id or question_id is required")
        markets = [m for m in self._venue.markets() if m.condition_id.lower() in wanted]
        return {"data": [resolution_row(market) for market in markets]}

    def approvals(self, request: web.Request) -> Row:
        """Tell a wallet's allowances."""
        return {"data": approvals_row(required_user(request))}

    def status(self, request: web.Request) -> Row:
        """Tell how far the indexer is; it is always at the chain's head here."""
        del request
        now = self._venue.now()
        return {
            "data": {
                "status": "ok",
                "healthy": True,
                "latest_block": self._venue.block_number(),
                "indexed_block": self._venue.block_number(),
                "lag_seconds": 0,
                "timestamp": now // 1000,
            }
        }

    def _cut(
        self, found: Iterator[tuple[int, PublicFill]], limit: int
    ) -> tuple[list[Row], str | None]:
        """Take a page off; the cursor leads below the last row taken if another one follows."""
        rows: list[Row] = []
        last_place = 0
        for place, fill in found:
            if len(rows) == limit:
                return rows, cursor_at(last_place)
            market = self._venue.market(fill.trade.condition_id)
            if market is not None:
                rows.append(trade_row(fill, market, self._holdings.name_of_fill(fill)))
                last_place = place
        return rows, None

    def _traded(self, user: str, wanted: FillFilter) -> list[tuple[int, Row]]:
        return [
            (fill.at, trade_activity_row(fill, market, self._holdings.name_of_fill(fill)))
            for fill in self._trades.visible(self._trades.of_wallet(user))
            if wanted.wants(fill) and (market := self._venue.market(fill.trade.condition_id))
        ]

    def _moved(self, user: str, wanted: FillFilter, kinds: Container[str]) -> list[tuple[int, Row]]:
        name = self._holdings.name_of_wallet(user)
        return [
            (move.at, move_activity_row(move, market, name))
            for move in self._trades.moves(wallet=user)
            if move.kind.value in kinds
            and wanted.start <= move.at < wanted.end
            and wanted.names(move.condition_id)
            and (market := self._venue.market(move.condition_id))
        ]

    def _redeemed(self, user: str, wanted: FillFilter) -> list[tuple[int, Row]]:
        """Return what winning tokens were turned into; losing ones leave no activity."""
        return [
            (paid.at, redeem_activity_row(holding, paid, self._holdings.name_of(holding)))
            for holding in self._holdings.of_wallet(user)
            if (paid := holding.redemption) is not None
            and paid.payout
            and wanted.start <= paid.at < wanted.end
            and wanted.names(paid.condition_id)
        ]

    def _filter(self, request: web.Request, *, has_times: bool) -> FillFilter:
        side = choice(request, "side", ("", *SIDES), "")
        amount = decimal_micros(request, "filter_amount") or 0
        kind = choice(request, "filter_type", ("", "CASH", "TOKENS"), "")
        start = integer(request, "start", 0) * 1000
        end = integer(request, "end", FOREVER // MICROS) * 1000 + 1000
        named, events = conditions(request), self._of_events(request)
        wanted = None if not named and events is None else frozenset(named) | (events or set())
        return FillFilter(
            conditions=wanted,
            side=side,
            start=start if has_times else 0,
            end=end if has_times else FOREVER,
            cost_min=amount if kind == "CASH" else 0,
            size_min=amount if kind == "TOKENS" else 0,
        )

    def _of_events(self, request: web.Request) -> set[str] | None:
        """Return the markets of the events that a query names; None if it names none."""
        ids = listed(request, ("event_id",), EVENTS_MAX)
        if not ids:
            return None
        return {
            entry.market.condition_id.lower()
            for entry in self._catalogue.markets
            if str(entry.event_id) in ids
        }
