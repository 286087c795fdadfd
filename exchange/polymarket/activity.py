"""Reads the Data API's record of followed wallets: every kind of activity, and what is held."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exchange.activity import Activity
from exchange.polymarket.data_api import PAGE_ROWS, PAGES_MAX, DataApi
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.rtds import fill_of
from exchange.polymarket.wire import excerpt, parse, to_micro
from exchange.polymarket.wire_activity import HeldRow, KindRow, MoveRow
from exchange.polymarket.wire_data import ActivityRow
from exchange.port import Quarantined, WireError
from trading.holdings import HeldToken, MoveKind, WhaleMove
from trading.types import ConditionId, Shares, Source, TokenId, Wallet, WhaleFill

FEED = "data_api"
TRADE = "TRADE"
MOVES = {
    "SPLIT": MoveKind.SPLIT,
    "MERGE": MoveKind.MERGE,
    "REDEEM": MoveKind.REDEEM,
    "CONVERSION": MoveKind.CONVERSION,
}
"""The other kinds are about collateral: rewards, rebates, deposits, withdrawals."""
HELD_STATUSES = ("OPEN", "MERGEABLE")
_FAR = timedelta(minutes=1)


class ActivityApi:
    """Implements WalletRecord against the Data API v2."""

    def __init__(self, access: VenueAccess) -> None:
        """Use the Data API of these endpoints."""
        self._api = DataApi(access)
        self._clock = access.clock
        self._merger = SurplusMerger()
        self._answers = 0

    async def fetch_activity(self, wallet: Wallet, since: datetime) -> Activity:
        """Return what a wallet did since a time, as maker and as taker; each fill once.

        All types are asked for at once, since `type` takes one value only, and told apart here.
        `end` moves with the clock, which keeps caches on the way from answering with what was
        known minutes ago. Oldest first, so that what happens meanwhile moves no page.
        """
        now = self._clock()
        query = (
            ("user", wallet),
            ("start", str(int(since.timestamp()))),
            ("end", str(int((now + _FAR).timestamp()))),
            ("sort_direction", "ASC"),
        )
        rows = await self._api.fetch_rows("/v2/activity", PAGE_ROWS * PAGES_MAX, *query)
        reading = _Reading(wallet, now)
        for row in rows:
            reading.read(row)
        return replace(reading.activity(), fills=self._new_parts(reading.fills))

    async def fetch_held(self, wallet: Wallet) -> Sequence[HeldToken]:
        """Return what a wallet holds of markets that are not resolved."""
        held: dict[TokenId, HeldToken] = {}
        for status in HELD_STATUSES:
            query = (("user", wallet), ("status", status))
            rows = await self._api.fetch_rows("/v2/positions", PAGE_ROWS * PAGES_MAX, *query)
            for row in rows:
                token = self._held(parse(HeldRow, row))
                held[token.token_id] = token
        return tuple(held.values())

    def _new_parts(self, fills: Sequence[WhaleFill]) -> tuple[WhaleFill, ...]:
        """Return what no earlier answer told: equal fills of one answer are as many fills."""
        self._answers += 1
        parts = [self._merger.new_part(fill, self._answers) for fill in fills]
        new = [part for part in parts if part is not None]
        return tuple(sorted(new, key=lambda fill: fill.traded_at))

    def _held(self, row: HeldRow) -> HeldToken:
        at = row.last_event_at or self._clock()
        return HeldToken(row.wallet, row.token_id, Shares(to_micro(row.current_size)), at)


@dataclass(slots=True)
class _Reading:
    wallet: Wallet
    now: datetime
    fills: list[WhaleFill] = field(default_factory=list)
    moves: list[WhaleMove] = field(default_factory=list)
    refused: list[Quarantined] = field(default_factory=list)
    seen: Counter[WhaleMove] = field(default_factory=Counter)

    def read(self, row: object) -> None:
        """Take a row; one that cannot be read is kept aside, and the others count."""
        try:
            self._take(row)
        except WireError as error:
            payload = excerpt(json.dumps(row, default=str))
            self.refused.append(Quarantined(FEED, str(error), payload))

    def activity(self) -> Activity:
        moves = sorted(self.moves, key=lambda move: move.at)
        return Activity((), tuple(moves), tuple(self.refused))

    def _take(self, row: object) -> None:
        kind = parse(KindRow, row)
        if kind.is_combo:  # another ledger: baskets of several markets
            return
        if kind.type == TRADE:
            fill = fill_of(parse(ActivityRow, row), Source.DATA_API, self.now)
            self._check_wallet(fill.wallet)
            self.fills.append(fill)
        elif kind.type in MOVES:
            self._number(_move(MOVES[kind.type], parse(MoveRow, row)))

    def _number(self, move: WhaleMove) -> None:
        self._check_wallet(move.wallet)
        self.moves.append(replace(move, ordinal=self.seen[move]))
        self.seen[move] += 1

    def _check_wallet(self, wallet: Wallet) -> None:
        if wallet != self.wallet:
            raise WireError(f"expected activity of {self.wallet}, received {wallet}'s")


def _move(kind: MoveKind, row: MoveRow) -> WhaleMove:
    size = Shares(to_micro(row.size))
    if not row.transaction_hash or not size:
        raise WireError(f"expected a size and a transaction hash in the {kind} of {row.wallet}")
    token_id = TokenId(row.token_id) if row.token_id.isdecimal() else None
    return WhaleMove(
        wallet=Wallet(row.wallet),
        kind=kind,
        condition_id=ConditionId(row.condition_id),
        token_id=token_id,
        size=size,
        transaction_hash=row.transaction_hash.lower(),
        at=row.timestamp,
    )
