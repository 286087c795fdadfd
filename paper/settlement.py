"""Moves trades from MATCHED over MINED to CONFIRMED, and the money and tokens with them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from paper.chain import Chain, Receipt, receipt_of
from paper.crowd import Crowd
from paper.derive import account_name, hash_text
from paper.faults import Faults
from paper.ledger import CASH, FEES, MINT, Ledger, Leg
from paper.matching import notional, size_step
from paper.model import (
    BlockMined,
    MakerFill,
    OrderRecord,
    Side,
    Trade,
    Traded,
    TradeStatus,
    TradeUpdated,
    VenueEvent,
    VenueSettings,
)
from paper.orders import Orders
from paper.registry import Registry

FINAL = (TradeStatus.CONFIRMED, TradeStatus.FAILED)


def legs_of(trade: Trade) -> list[Leg]:
    """Return what a trade moves, fee included.

    A maker on the taker's token swaps with it. Two buyers of different outcomes pay the mint one
    dollar a share together and get a token each; two sellers hand a token each to the mint and
    share a dollar. A seller's fee comes out of what it gets, a buyer's on top of what it pays.
    """
    legs: list[Leg] = []
    for maker in trade.makers:
        legs += (_swap if maker.token_id == trade.token_id else _complement)(trade, maker)
    if trade.side is Side.BUY:
        return [*legs, Leg(account_name(trade.wallet), FEES, CASH, trade.fee)]
    return _fee_from_proceeds(legs, trade)


def _swap(trade: Trade, maker: MakerFill) -> list[Leg]:
    taker, other = account_name(trade.wallet), account_name(maker.wallet)
    buyer, seller = (taker, other) if trade.side is Side.BUY else (other, taker)
    return [
        Leg(buyer, seller, CASH, notional(maker.size, maker.price)),
        Leg(seller, buyer, trade.token_id, maker.size),
    ]


def _complement(trade: Trade, maker: MakerFill) -> list[Leg]:
    taker, other = account_name(trade.wallet), account_name(maker.wallet)
    makers_part = notional(maker.size, maker.price)
    takers_part = maker.size - makers_part
    if trade.side is Side.BUY:
        return [
            Leg(taker, MINT, CASH, takers_part),
            Leg(other, MINT, CASH, makers_part),
            Leg(MINT, taker, trade.token_id, maker.size),
            Leg(MINT, other, maker.token_id, maker.size),
        ]
    return [
        Leg(taker, MINT, trade.token_id, maker.size),
        Leg(other, MINT, maker.token_id, maker.size),
        Leg(MINT, taker, CASH, takers_part),
        Leg(MINT, other, CASH, makers_part),
    ]


def _fee_from_proceeds(legs: Iterable[Leg], trade: Trade) -> list[Leg]:
    taker, fee = account_name(trade.wallet), trade.fee
    result: list[Leg] = []
    for leg in legs:
        part = min(fee, leg.size) if leg.target == taker and leg.asset == CASH else 0
        result.append(replace(leg, size=leg.size - part))
        if part:
            result.append(Leg(leg.source, FEES, CASH, part))
            fee -= part
    return result


@dataclass(frozen=True, slots=True)
class Floor:
    """What booking and settling a trade touches."""

    ledger: Ledger
    registry: Registry
    orders: Orders
    crowd: Crowd
    chain: Chain
    publish: Callable[[VenueEvent], None]
    faults: Faults = field(default_factory=Faults)


class Settlement:
    """Trades that are on their way, and all that are done.

    At the match, givers' assets leave their accounts; when the trade is mined, the receivers get
    them: what a wallet bought cannot be sold before it is on the chain, as on the real venue.
    Trades of clients are mined `mined_after_s` after the match, in a block of their own if need
    be, and only then tell their transaction. Trades among made-up wallets know their transaction
    at once and wait for the next regular block.
    """

    def __init__(self, floor: Floor, settings: VenueSettings, play_id: str) -> None:
        self._floor = floor
        self._play_id = play_id
        self._mined_after = _milliseconds(settings.mined_after_s)
        self._confirmed_after = _milliseconds(settings.confirmed_after_s)
        self._block_every = _milliseconds(settings.block_every_s)
        self._next_block_at: int | None = None
        self._trades: list[Trade] = []
        self._open: dict[str, Trade] = {}
        self._changed: dict[str, Trade] = {}
        self._settled: dict[str, int] = {}

    def load(self, trades: Iterable[Trade]) -> None:
        """Take over saved trades, oldest first; those under way go on."""
        for trade in trades:
            self._trades.append(trade)
            if trade.status not in FINAL:
                self._open[trade.trade_id] = trade
            if trade.status in (TradeStatus.MINED, TradeStatus.CONFIRMED):
                self._count_settled(trade)

    def transaction_hash(self, trade: Trade) -> str:
        """Return the hash a trade's transaction has or will have."""
        return hash_text("transaction", self._play_id, trade.trade_id)

    def book(self, trade: Trade) -> None:
        """Book a trade as MATCHED and tell the world."""
        listing = self._floor.registry.get(trade.condition_id)
        assert listing is not None, trade.condition_id
        for leg in legs_of(trade):
            if self._floor.crowd.is_invented(leg.source):
                self._floor.ledger.provide(leg.source, listing.market.token_ids, leg)
            self._floor.ledger.depart([leg])
        listing.add_trade(listing.outcome_of(trade.token_id), trade.price, trade.cost)
        self._floor.registry.touch(listing)
        self._trades.append(trade)
        self._open[trade.trade_id] = trade
        self._floor.publish(Traded(replace(trade)))
        self._tell(trade)

    def step(self, now: int) -> None:
        """Mine and confirm what is due."""
        if self._next_block_at is None:
            self._next_block_at = now + self._block_every
        is_regular = now >= self._next_block_at
        if is_regular or any(self._is_due(trade, now) for trade in self._open.values()):
            self._mine(now, is_regular=is_regular)
        for trade in tuple(self._open.values()):
            is_mined = trade.status is TradeStatus.MINED
            if is_mined and now >= trade.matched_at + self._confirmed_after:
                del self._open[trade.trade_id]
                self._advance(trade, TradeStatus.CONFIRMED, now)

    def trades(self) -> Sequence[Trade]:
        """Return every trade, oldest first; the list grows as it is read."""
        return self._trades

    @property
    def count(self) -> int:
        """Return how many trades were ever booked."""
        return len(self._trades)

    def open_markets(self) -> set[str]:
        """Return the condition ids of trades that are not final."""
        return {trade.condition_id for trade in self._open.values()}

    def settled_size(self, order_id: str) -> int | None:
        """Return the shares of an order that are on the chain, None if none are."""
        return self._settled.get(order_id)

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return bool(self._changed)

    def take_changes(self) -> list[Trade]:
        """Return the trades that have to be saved, oldest change first."""
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def _is_due(self, trade: Trade, now: int) -> bool:
        is_clients = trade.status is TradeStatus.MATCHED and not trade.transaction_hash
        return is_clients and now >= trade.matched_at + self._mined_after

    def _mine(self, now: int, *, is_regular: bool) -> None:
        if is_regular:
            self._next_block_at = now + self._block_every
        mined = [
            trade
            for trade in self._open.values()
            if trade.status is TradeStatus.MATCHED
            and (trade.transaction_hash or self._is_due(trade, now))
        ]
        number, logs = self._floor.chain.mine(now, [self._settle(trade) for trade in mined])
        self._floor.publish(BlockMined(number, logs))
        for trade in mined:
            self._advance(trade, TradeStatus.MINED, now)

    def _settle(self, trade: Trade) -> Receipt:
        listing = self._floor.registry.get(trade.condition_id)
        assert listing is not None, trade.condition_id
        self._floor.ledger.arrive(legs_of(trade))
        trade.transaction_hash = trade.transaction_hash or self.transaction_hash(trade)
        self._count_settled(trade)
        return receipt_of(trade, trade.transaction_hash, listing.market, self._floor.orders.signed)

    def _advance(self, trade: Trade, status: TradeStatus, now: int) -> None:
        trade.status = status
        trade.updated_at = now
        self._tell(trade)

    def _tell(self, trade: Trade) -> None:
        self._changed[trade.trade_id] = trade
        self._floor.publish(TradeUpdated(replace(trade)))

    def _count_settled(self, trade: Trade) -> None:
        parts = [(trade.taker_order_id, trade.size)]
        parts += [(maker.order_id, maker.size) for maker in trade.makers]
        for order_id, size in parts:
            if self._floor.orders.get(order_id) is not None:
                self._settled[order_id] = self._settled.get(order_id, 0) + size


def chain_status(record: OrderRecord, settled: int) -> tuple[bool, int]:
    """Return (is filled, remaining maker amount) of an order with `settled` shares on the chain.

    What is left is pro rata by shares: a better price leaves nothing to be given later. A
    remainder too small to cost a whole micro counts as filled.
    """
    order = record.order
    if order.size - settled < size_step(record.price):
        return True, 0
    return False, order.maker_amount - order.maker_amount * settled // order.size


def _milliseconds(seconds: Decimal) -> int:
    return int(seconds * 1000)
