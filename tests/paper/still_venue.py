"""A venue without a matching engine: what tests put into it stays as it is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from paper.faults import Fault, Faults
from paper.model import (
    Book,
    Dialect,
    Level,
    Market,
    OrderRecord,
    OrderRefusedError,
    OrderStatus,
    OrderType,
    SignedOrder,
    Trade,
    VenueEvent,
)
from paper.playback import Play
from paper.tape import TapeHeader, TapeWallet
from paper.venue import SubmitResult, Venue

CONDITION, CONDITION_V3, CONDITION_NEG_RISK = ("0x" + f"{n:02x}" * 32 for n in (17, 34, 51))
TOKEN, OTHER = str(7 << 200 | 7 << 50), str(8 << 200 | 7 << 50)
TOKEN_V3, OTHER_V3 = str(1 << 248 | 5 << 120), str(1 << 248 | 5 << 120 | 1)
TOKEN_NEG_RISK, OTHER_NEG_RISK = str(9 << 200 | 7 << 50), str(10 << 200 | 7 << 50)
START = 1_795_344_855_202


def a_market(
    condition_id: str = CONDITION,
    token_ids: tuple[str, str] = (TOKEN, OTHER),
    dialect: Dialect = Dialect.CLOB_V2,
    *,
    neg_risk: bool = False,
) -> Market:
    return Market(
        condition_id=condition_id,
        question="Will it rain?",
        slug="will-it-rain",
        event_slug="rain",
        outcomes=("Yes", "No"),
        token_ids=token_ids,
        dialect=dialect,
        neg_risk=neg_risk,
        tick_size=10_000,
        min_size=5_000_000,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=START - 1000,
        ends_at=START + 900_000,
    )


def a_book(token_id: str = TOKEN, condition_id: str = CONDITION) -> Book:
    return Book(
        token_id=token_id,
        condition_id=condition_id,
        bids=(Level(430_000, 100_000_000), Level(420_000, 50_500_000)),
        asks=(Level(450_000, 70_000_000), Level(460_000, 20_000_000)),
        at=START,
        last_trade_price=440_000,
    )


@dataclass
class KeyBox:
    """API keys in memory."""

    keys: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def save_api_key(self, wallet: str, key: str, secret: str, passphrase: str) -> None:
        self.keys[key] = (wallet, key, secret, passphrase)

    def delete_api_key(self, key: str) -> None:
        del self.keys[key]

    def load_api_keys(self) -> list[tuple[str, str, str, str]]:
        return list(self.keys.values())

    def save_setting(self, key: str, body: str) -> None:
        self.settings[key] = body

    def load_setting(self, key: str) -> str | None:
        return self.settings.get(key)


class StillVenue(Venue):
    """Takes every order to rest and never matches; `at` is its clock."""

    def __init__(self) -> None:
        self.at = START
        self.listed = [
            a_market(),
            a_market(CONDITION_V3, (TOKEN_V3, OTHER_V3), Dialect.PROTOCOL_V2),
            a_market(CONDITION_NEG_RISK, (TOKEN_NEG_RISK, OTHER_NEG_RISK), neg_risk=True),
        ]
        self.books: dict[str, Book] = {TOKEN: a_book(), TOKEN_V3: a_book(TOKEN_V3, CONDITION_V3)}
        self.records: dict[str, OrderRecord] = {}
        self.made: list[Trade] = []
        self.cash: dict[str, int] = {}
        self.history: list[tuple[int, int]] = []
        self.playing: Play | None = None
        self.header: TapeHeader | None = None
        self.faults = Faults()

    def now(self) -> int:
        return self.at

    def markets(self) -> Sequence[Market]:
        return self.listed

    def market(self, condition_id: str) -> Market | None:
        return next((m for m in self.listed if m.condition_id == condition_id), None)

    def market_of(self, token_id: str) -> Market | None:
        return next((m for m in self.listed if token_id in m.token_ids), None)

    def book(self, token_id: str) -> Book | None:
        return self.books.get(token_id)

    def price_history(self, token_id: str) -> Sequence[tuple[int, int]]:
        return self.history

    def submit(
        self,
        order: SignedOrder,
        order_type: OrderType,
        *,
        owner: str,
        post_only: bool,
        fate: Fault | None = None,
    ) -> SubmitResult:
        if order.order_id in self.records:
            raise OrderRefusedError(400, f"order {order.order_id} is invalid. Duplicated.")
        market = self.market_of(order.token_id)
        assert market is not None
        self.records[order.order_id] = OrderRecord(
            order=order,
            condition_id=market.condition_id,
            outcome=market.outcomes[market.token_ids.index(order.token_id)],
            price=order.notional * 1_000_000 // order.size,
            owner=owner,
            order_type=order_type,
            post_only=post_only,
            status=OrderStatus.LIVE,
            received_at=self.at,
        )
        return SubmitResult(order.order_id, "live", 0, 0, ())

    def cancel(
        self, order_ids: Sequence[str], owner: str, fate: Fault | None = None
    ) -> tuple[list[str], dict[str, str]]:
        gone: list[str] = []
        reasons: dict[str, str] = {}
        for order_id in order_ids:
            record = self.records.get(order_id)
            if record is None or record.owner != owner or record.status is not OrderStatus.LIVE:
                reasons[order_id] = "already canceled or matched"
            else:
                record.status = OrderStatus.CANCELED
                gone.append(order_id)
        return gone, reasons

    def order(self, order_id: str) -> OrderRecord | None:
        return self.records.get(order_id)

    def orders(self) -> Sequence[OrderRecord]:
        return list(self.records.values())

    def trades(self) -> Sequence[Trade]:
        return self.made

    def open_wallet(self, wallet: str) -> None:
        self.cash.setdefault(wallet, 10_000_000_000)

    def balance(self, wallet: str, token_id: str | None) -> int:
        return self.cash.get(wallet, 0) if token_id is None else 0

    def subscribe(self, capacity: int = 10_000) -> asyncio.Queue[VenueEvent]:
        return asyncio.Queue(capacity)

    def unsubscribe(self, queue: asyncio.Queue[VenueEvent]) -> None:
        """Nothing was subscribed to."""

    def tape_wallets(self) -> Sequence[TapeWallet]:
        return ()

    @property
    def play(self) -> Play | None:
        return self.playing

    @property
    def tape_header(self) -> TapeHeader | None:
        return self.header

    @property
    def speed(self) -> Decimal:
        return Decimal(20)

    @property
    def is_done(self) -> bool:
        return False

    def wallets(self) -> dict[str, tuple[int, dict[str, int]]]:
        return {wallet: (cash, {TOKEN: 2_500_000}) for wallet, cash in self.cash.items()}
