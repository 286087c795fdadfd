"""Walk the book before an order: what it would cost now, and the price it may not pass."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from temporalio import activity

from activities.markets import MarketDesk
from activities.records import Attempt, Estimate
from storage.port import PositionRecord, PositionStore, SignalStore
from trading.entry_price import price_entry
from trading.exits import exit_price
from trading.rules import Rules
from trading.types import ZERO, ExitReason, OrderBook, Price, Reason, Shares, Side, TokenId

PASSED = "PASSED"


class PricingActivities:
    """Estimates slippage for entries and prices the exit ladder."""

    def __init__(
        self,
        signals: SignalStore,
        positions: PositionStore,
        markets: MarketDesk,
        rules: Rules,
        clock: Callable[[], datetime],
    ) -> None:
        self._signals = signals
        self._positions = positions
        self._markets = markets
        self._rules = rules
        self._clock = clock

    @activity.defn
    async def estimate_slippage(self, attempt: Attempt) -> Estimate:
        """Return the estimate for what is left to trade; an entry above its bound is refused.

        An entry's first estimate stands: its intent may have been committed on it already.
        """
        token_id = await self._token(attempt)
        if attempt.exit_epoch:
            return await self._price_exit(attempt, await self._markets.book(token_id))
        assert attempt.side is Side.BUY, f"expected an entry to BUY, received {attempt.key}"
        assert attempt.limit_price is not None, f"expected {attempt.key} to have a price cap"
        kept = await self._kept(attempt)
        if kept is not None:
            return kept
        is_first = attempt.number == 1  # what it left is priced afresh
        look = self._markets.recent_book if is_first else self._markets.book
        estimate = self._price_entry(attempt.size, attempt.limit_price, await look(token_id))
        await self._keep(attempt, estimate)
        return estimate

    async def _kept(self, attempt: Attempt) -> Estimate | None:
        """Return the estimate that an earlier run of this step has stored."""
        assert attempt.signal_id is not None, f"expected {attempt.key} to name a signal"
        verdict = await self._signals.load_decision(attempt.signal_id, _step_of(attempt))
        if verdict is None:
            return None
        said, vwap = verdict["verdict"], verdict["vwap"]
        return Estimate(
            slippage=Decimal(verdict["slippage"]),
            vwap=None if vwap == str(None) else Price(Decimal(vwap)),
            limit_price=Price(Decimal(verdict["limit_price"])),
            mid=Price(Decimal(verdict["mid"])),
            reason=None if said == PASSED else Reason(said),
        )

    async def _keep(self, attempt: Attempt, estimate: Estimate) -> None:
        """Store the estimate beside the decision, so that the outcome can judge it."""
        assert attempt.signal_id is not None, f"expected {attempt.key} to name a signal"
        verdict = {
            "verdict": estimate.reason.value if estimate.reason is not None else PASSED,
            "slippage": str(estimate.slippage),
            "vwap": str(estimate.vwap),
            "limit_price": str(estimate.limit_price),
            "mid": str(estimate.mid),
            "size": str(attempt.size),
        }
        step = _step_of(attempt)
        await self._signals.save_decision(attempt.signal_id, step, verdict, self._clock())

    def _price_entry(self, size: Shares, cap: Price, book: OrderBook) -> Estimate:
        order_type = self._rules.orders.entry_order_type
        priced = price_entry(book, size, cap, order_type, self._rules.slippage)
        return Estimate(priced.slippage, priced.vwap, priced.limit, priced.mid, priced.reason)

    async def _price_exit(self, attempt: Attempt, book: OrderBook) -> Estimate:
        """Price an exit's n-th try down the ladder from the level that was crossed.

        A try of which no copy left counts for nothing: nobody has turned its price down.
        Its limit price is the lowest that a person allows; else the ladder ends at the floor.
        """
        if not book.bids:
            return Estimate(ZERO, None, Price(ZERO), Price(ZERO), Reason.BOOK_INVALID)
        assert attempt.position_id is not None, f"expected {attempt.key} to name a position"
        position = await self._positions.load_position(attempt.position_id)
        assert position is not None, f"expected position {attempt.position_id}"
        bid = book.bids[0].price
        trigger = _level(position, attempt.exit_reason) or bid
        step = min(attempt.number - attempt.unsent - 1, len(self._rules.exits.ladder))
        price = exit_price(trigger, step, book.tick_size, self._rules.exits, attempt.limit_price)
        assert price is not None, f"expected step {step} to be on the ladder"
        return Estimate(ZERO, None, price, bid)

    async def _token(self, attempt: Attempt) -> TokenId:
        if attempt.position_id is not None:
            position = await self._positions.load_position(attempt.position_id)
            assert position is not None, f"expected position {attempt.position_id}"
            return position.token_id
        assert attempt.signal_id is not None, f"expected {attempt.key} to name a signal"
        stored = await self._signals.load_signal(attempt.signal_id)
        assert stored is not None, f"expected signal {attempt.signal_id}"
        return stored.signal.token_id


def _step_of(attempt: Attempt) -> str:
    return f"estimate_slippage#{attempt.number}"


def _level(position: PositionRecord, reason: ExitReason | None) -> Price | None:
    """Return the level whose crossing began the exit; None for exits without one."""
    match reason:
        case ExitReason.STOP_LOSS:
            return position.stop_loss_price
        case ExitReason.TRAILING_STOP:
            return position.trailing_stop_price
        case ExitReason.TAKE_PROFIT:
            return position.take_profit_price
        case _:
            return None
