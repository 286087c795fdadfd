"""A file of fills as a history: markets, books and results are made of what its rows say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from backtest.fill_file import FillFile
from backtest.fill_rows import FillRow, Quote
from backtest.port import BookSeen, Event, FillSeen, MarketListed, MarketResolved, Origin
from trading.ticks import ceil_to_tick, floor_to_tick
from trading.types import (
    ONE,
    ConditionId,
    Level,
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
from trading.whales import ClosedTrade


@dataclass(frozen=True, slots=True)
class AssumedBook:
    """The book taken to stand after a fill that has none beside it: more rests at its price.

    That flatters a copier, who gets the whale's own price where nothing moved meanwhile.
    """

    spread: Price = Price(Decimal("0.02"))
    notional: Usd = Usd(Decimal(10_000))  # on each side


class FillHistory:
    """Tells a file's fills. A book stands from one fill in its market to the next."""

    def __init__(self, file: FillFile, assumed: AssumedBook) -> None:
        self._rows = file.rows
        self._assumed = assumed
        first, last = file.rows[0].traded_at, file.rows[-1].traded_at
        ends = [row.market.resolved_at for row in file.rows if row.market.resolved_at is not None]
        self.origin = Origin(
            name=file.path.name,
            starts_at=first,
            ends_at=max([last, *ends]),
            notes=self._notes(file),
        )
        self.names: Mapping[Wallet, str] = {row.wallet: row.name for row in reversed(file.rows)}
        self.pasts: Mapping[Wallet, Sequence[ClosedTrade]] = {}

    def events(self) -> Iterator[Event]:
        """Yield each market before its first fill, each fill before the book it left."""
        markets = _markets(self._rows)
        results = _results(self._rows, markets)
        listed: set[ConditionId] = set()
        for row in self._rows:
            while results and results[-1].at <= row.traded_at:
                yield results.pop()
            market = markets[row.condition_id]
            if row.condition_id not in listed:
                listed.add(row.condition_id)
                yield MarketListed(row.traded_at, market, row.market.category or "unknown")
            yield FillSeen(row.traded_at, _fill(row))
            view = _RowView(row, market, self._assumed)
            yield BookSeen(row.traded_at, row.condition_id, view, stands=True)
        yield from reversed(results)

    def _notes(self, file: FillFile) -> tuple[str, ...]:
        notes = []
        without = sum(row.quote is None for row in file.rows)
        if without:
            notes.append(
                f"{without} of {len(file.rows)} fills have no book beside them: assumed "
                f"${self._assumed.notional:,} on each side, {self._assumed.spread} apart, more of "
                "it at the whale's own price: that flatters a copier"
            )
        notes.append("a book is taken to stand until the next fill in its market")
        open_ended = {row.condition_id for row in file.rows if row.market.ends_at is None}
        if open_ended:
            notes.append(f"{len(open_ended)} markets have no ends_at: none of them is entered")
        if file.bad:
            notes.append(f"{len(file.bad)} bad rows are left out")
        if file.ignored:
            notes.append(f"columns not used: {', '.join(file.ignored)}")
        return tuple(notes)


@dataclass(frozen=True, slots=True)
class _RowView:
    row: FillRow
    market: Market
    assumed: AssumedBook

    def book(self, token_id: TokenId) -> OrderBook:
        quote = self.row.quote or self._guess()
        bid, ask = Level(quote.bid, quote.bid_size), Level(quote.ask, quote.ask_size)
        if token_id != self.row.token_id:
            bid, ask = _complement(ask), _complement(bid)
        return OrderBook(
            token_id=token_id,
            bids=(bid,),
            asks=(ask,),
            at=self.row.traded_at,
            received_at=self.row.traded_at,
            tick_size=self.market.tick_size,
            min_size=self.market.min_size,
        )

    def _guess(self) -> Quote:
        """Lay a book of at least one tick's width, on the grid, where the fill was."""
        row, tick = self.row, self.market.tick_size
        last = Price(ONE - tick)
        spread = max(self.assumed.spread, tick)
        if (row.side is Side.BUY) == (row.is_taker is not False):  # it met the asks
            ask = Price(min(ceil_to_tick(row.price, tick), last))
            bid = floor_to_tick(ask - spread, tick)
        else:
            bid = floor_to_tick(row.price, tick)
            ask = Price(min(ceil_to_tick(bid + spread, tick), last))
        bid = Price(min(max(bid, tick), last - tick))
        ask = Price(max(ask, bid + tick))
        notional = self.assumed.notional
        return Quote(bid, ask, _shares(notional, bid), _shares(notional, ask))


def _markets(rows: Sequence[FillRow]) -> dict[ConditionId, Market]:
    """Return each market with the tokens that its rows name, in the order of first mention."""
    labels: dict[ConditionId, dict[TokenId, str]] = {}
    firsts: dict[ConditionId, FillRow] = {}
    for row in rows:
        firsts.setdefault(row.condition_id, row)
        labels.setdefault(row.condition_id, {}).setdefault(row.token_id, row.outcome)
    return {
        condition_id: Market(
            condition_id=condition_id,
            question=row.market.question or condition_id,
            slug=condition_id,
            outcomes=tuple(labels[condition_id].values()),
            token_ids=tuple(labels[condition_id]),
            protocol=Protocol.CLOB_V2,
            neg_risk=False,
            tick_size=row.market.tick_size,
            min_size=row.market.min_size,
            fees=row.market.fees,
            ends_at=row.market.ends_at,
            is_active=True,
            is_closed=False,
            accepts_orders=True,
        )
        for condition_id, row in firsts.items()
    }


def _results(
    rows: Sequence[FillRow], markets: Mapping[ConditionId, Market]
) -> list[MarketResolved]:
    """Return what markets paid, the last one first."""
    paid = {row.token_id: row.payout for row in rows if row.payout is not None}
    times = {r.condition_id: r.market.resolved_at for r in rows if r.market.resolved_at is not None}
    found = [
        MarketResolved(at, condition_id, tuple(paid[t] for t in markets[condition_id].token_ids))
        for condition_id, at in times.items()
    ]
    return sorted(found, key=lambda result: result.at, reverse=True)


def _fill(row: FillRow) -> WhaleFill:
    return WhaleFill(
        wallet=row.wallet,
        token_id=row.token_id,
        side=row.side,
        size=row.size,
        price=row.price,
        transaction_hash=row.transaction_hash,
        traded_at=row.traded_at,
        source=Source.DATA_API if row.log_index is None else Source.CHAIN,
        seen_at=row.traded_at,
        log_index=row.log_index,
        is_taker=row.is_taker,
    )


def _complement(level: Level) -> Level:
    return Level(Price(ONE - level.price), level.size)


def _shares(notional: Decimal, price: Decimal) -> Shares:
    return Shares((notional / price).quantize(Decimal("0.01")))
