"""Walk the book before an order: what it would cost now, and the price it may not pass."""

from temporalio import activity

from activities.markets import MarketDesk
from activities.records import Attempt, Estimate
from storage.port import PositionStore, SignalStore
from trading.book import entry_estimate, exit_price
from trading.rules import Rules
from trading.types import ZERO, Price, Reason, Side, TokenId


class PricingActivities:
    """Estimates slippage for entries and prices the exit ladder."""

    def __init__(
        self,
        signals: SignalStore,
        positions: PositionStore,
        markets: MarketDesk,
        rules: Rules,
    ) -> None:
        self._signals = signals
        self._positions = positions
        self._markets = markets
        self._rules = rules

    @activity.defn
    async def estimate_slippage(self, attempt: Attempt) -> Estimate:
        """Return the estimate for what is left to trade; an entry above its bound is refused."""
        book = await self._markets.book(await self._token(attempt))
        if attempt.exit_epoch:
            price = exit_price(book, attempt.number, self._rules.exits)
            if price is None:
                return Estimate(ZERO, None, Price(ZERO), Price(ZERO), Reason.BOOK_INVALID)
            return Estimate(ZERO, None, price, book.bids[0].price)
        assert attempt.side is Side.BUY, f"expected an entry to BUY, received {attempt.key}"
        assert attempt.limit_price is not None, f"expected {attempt.key} to have a price cap"
        verdict = entry_estimate(book, attempt.size, attempt.limit_price, self._rules)
        return Estimate(
            slippage=verdict.slippage,
            vwap=verdict.vwap,
            limit_price=verdict.limit_price,
            mid=verdict.mid,
            reason=verdict.refusal.reason if verdict.refusal is not None else None,
        )

    async def _token(self, attempt: Attempt) -> TokenId:
        if attempt.position_id is not None:
            position = await self._positions.load_position(attempt.position_id)
            assert position is not None, f"expected position {attempt.position_id}"
            return position.token_id
        assert attempt.signal_id is not None, f"expected {attempt.key} to name a signal"
        stored = await self._signals.load_signal(attempt.signal_id)
        assert stored is not None, f"expected signal {attempt.signal_id}"
        return stored.signal.token_id
