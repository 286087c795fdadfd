"""A recorded tape as a history to look back on: the one place where `backtest` meets `paper`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from backtest.port import BookSeen, Event, FillSeen, MarketListed, MarketResolved, Origin
from paper.model import MICROS, Dialect, Level
from paper.tape import Snapshot, Tape, TapeMarket, WhaleOrder
from trading.types import (
    ConditionId,
    FeeSchedule,
    Market,
    OrderBook,
    Price,
    Protocol,
    Shares,
    Side,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
)
from trading.types import Level as BookLevel
from trading.whales import ClosedTrade

CATEGORY = "recorded"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROTOCOLS = {Dialect.CLOB_V2: Protocol.CLOB_V2, Dialect.PROTOCOL_V2: Protocol.PROTOCOL_V2}


class TapeHistory:
    """Tells a tape's markets, books, whale orders and results, each when it happened."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        header = tape.header
        ends = [header.ends_at, *(market.resolves_at for market in tape.markets)]
        self.origin = Origin(
            name=header.name,
            starts_at=_at(header.starts_at),
            ends_at=_at(max(ends)),
            notes=tuple(f"invented in the tape: {text}" for text in header.invented),
        )
        self.names: Mapping[Wallet, str] = {_wallet(w.address): w.name for w in tape.wallets}
        self.pasts: Mapping[Wallet, Sequence[ClosedTrade]] = {
            _wallet(w.address): [
                ClosedTrade(_at(t.closed_at), _usd(t.notional), _usd(t.pnl), t.category)
                for t in w.history
            ]
            for w in tape.wallets
        }

    def events(self) -> Iterator[Event]:
        """Yield what happened, with markets listed and settled in between."""
        markets = {m.condition_id: _market(m) for m in self._tape.markets}
        waiting = _fixed_events(self._tape.markets, markets)
        for event in self._tape.events():
            at = _at(event.at)
            while waiting and waiting[-1].at <= at:
                yield waiting.pop()
            market = markets[event.condition_id]
            if isinstance(event, Snapshot):
                yield BookSeen(at, market.condition_id, _TapeView(event, market, at))
            else:
                for fill in _fills(event, market, at):
                    yield FillSeen(at, fill)
        yield from reversed(waiting)


@dataclass(frozen=True, slots=True)
class _TapeView:
    snapshot: Snapshot
    market: Market
    at: datetime

    def book(self, token_id: TokenId) -> OrderBook:
        bids, asks = self.snapshot.bids, self.snapshot.asks
        if token_id != self.market.token_ids[0]:
            bids, asks = _mirrored(asks), _mirrored(bids)
        return OrderBook(
            token_id=token_id,
            bids=_levels(bids),
            asks=_levels(asks),
            at=self.at,
            received_at=self.at,
            tick_size=self.market.tick_size,
            min_size=self.market.min_size,
        )


def _fixed_events(
    recorded: Sequence[TapeMarket], markets: Mapping[str, Market]
) -> list[MarketListed | MarketResolved]:
    """Return listings and results, the last one first."""
    found: list[MarketListed | MarketResolved] = []
    for market in recorded:
        known = markets[market.condition_id]
        payouts = tuple(Price(_decimal(payout)) for payout in market.payouts)
        found.append(MarketListed(_at(market.starts_at), known, CATEGORY))
        found.append(MarketResolved(_at(market.resolves_at), known.condition_id, payouts))
    return sorted(found, key=lambda event: event.at, reverse=True)


def _market(market: TapeMarket) -> Market:
    return Market(
        condition_id=ConditionId(market.condition_id),
        question=market.question,
        slug=market.slug,
        outcomes=market.outcomes,
        token_ids=tuple(
            TokenId(f"{market.condition_id}/{index}") for index in range(len(market.outcomes))
        ),
        protocol=_PROTOCOLS[market.dialect],
        neg_risk=market.neg_risk,
        tick_size=Price(_decimal(market.tick_size)),
        min_size=Shares(_decimal(market.min_size)),
        fees=FeeSchedule(market.fee_rate, market.fee_exponent),
        ends_at=_at(market.ends_at),
        is_active=True,
        is_closed=False,
        accepts_orders=True,
    )


def _fills(order: WhaleOrder, market: Market, at: datetime) -> Iterator[WhaleFill]:
    for index, fill in enumerate(order.fills):
        yield WhaleFill(
            wallet=_wallet(order.wallet),
            token_id=market.token_ids[order.outcome_index],
            side=Side(order.side.value),
            size=Shares(_decimal(fill.size)),
            price=Price(_decimal(fill.price)),
            transaction_hash=f"0x{order.number:064x}",
            traded_at=at,
            source=Source.CHAIN,
            seen_at=at,
            log_index=index,
            is_taker=not order.is_maker,
        )


def _mirrored(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(Level(MICROS - level.price, level.size) for level in levels)


def _levels(levels: tuple[Level, ...]) -> tuple[BookLevel, ...]:
    return tuple(
        BookLevel(Price(_decimal(level.price)), Shares(_decimal(level.size))) for level in levels
    )


def _wallet(address: str) -> Wallet:
    return Wallet(address.lower())


def _usd(micros: int) -> Usd:
    return Usd(_decimal(micros))


def _decimal(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-6)


def _at(unix_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=unix_ms)
