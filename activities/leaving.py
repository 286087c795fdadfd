"""Plan a position's one exit, and tell step by step what is left to sell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from activities.details import plain
from activities.records import Attempt, ExitStep
from exchange.port import OrderGateway, UnavailableError
from storage.exit_port import ExitPage, ExitPlan, ExitStore, SaleOrder
from storage.port import OrderStore, PositionRecord
from trading.orders import Intent
from trading.requests import lowest_of, reason_of, share_of
from trading.rules import ExitRules
from trading.submits import Trouble, trouble_in
from trading.types import (
    ZERO,
    ExitReason,
    ExitRequest,
    Market,
    OrderState,
    PositionId,
    PositionState,
    Price,
    Shares,
    Side,
)

CENT_OF_A_SHARE = Decimal("0.01")
AT_THE_FLOOR = "at the floor"


@dataclass(frozen=True, slots=True)
class ExitPorts:
    """What an exit's steps look at and write to."""

    gateway: OrderGateway
    orders: OrderStore
    exits: ExitStore


class ExitDesk:
    """Decides every step of an exit from what is on record, so that any worker may take it."""

    def __init__(self, ports: ExitPorts, rules: ExitRules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock

    async def begin(
        self, record: PositionRecord, market: Market, asked: Sequence[ExitRequest]
    ) -> ExitStep:
        """Begin the position's one exit, or join the one that runs; how much it sells stays fixed.

        `record` is the position as it is after its exit has begun.
        """
        epoch = record.exit_epoch if record.state is PositionState.EXITING else 0
        reason = reason_of(asked)
        if not epoch:
            return _nothing(reason)
        answered = await self._ports.exits.list_answered(record.position_id, epoch)
        asked = [request for request in asked if request.signal_id not in answered]
        share, lowest = share_of(asked), lowest_of(asked)
        sales = await self._ports.exits.list_sales(record.position_id, epoch)
        held = Shares(record.size + _sold(sales))  # when the exit began
        plan = await self._ports.exits.fix_exit(
            ExitPlan(
                position_id=record.position_id,
                exit_epoch=epoch,
                reason=reason,
                share=share,
                target=_target(held, share, market.min_size),
                began_at=self._clock(),
                signal_ids=tuple(r.signal_id for r in asked if r.signal_id is not None),
                lowest=lowest,
            )
        )
        step = replace(_first_step(plan), is_served=plan.share >= share)
        return await self._next(record, market, step, sales)

    async def next(self, record: PositionRecord, market: Market, step: ExitStep) -> ExitStep:
        """Tell what is left to sell after an attempt: more, nothing yet, or nothing at all."""
        sales = await self._ports.exits.list_sales(record.position_id, step.exit_epoch)
        await self._page_at_the_floor(record, step, sales)
        return await self._next(record, market, step, sales)

    async def page(self, position_id: PositionId, epoch: int, name: str, words: str) -> None:
        """Tell a person that an exit is not done."""
        page = ExitPage(position_id, epoch, name, words, self._clock())
        await self._ports.exits.page_exit(page)

    async def _next(
        self,
        record: PositionRecord,
        market: Market,
        step: ExitStep,
        sales: Sequence[SaleOrder],
    ) -> ExitStep:
        step = _looked_at(step, sales)
        if step.left:
            intent = await self._ports.orders.load_intent(step.left[-1])
            assert intent is not None, f"expected a committed intent for order {step.left[-1]}"
            return _again(intent, step, sales)
        sold = _sold(sales)
        left = min(step.target - sold, record.size)
        may_sell = step.exit_epoch > 0 and not market.is_closed and market.payouts is None
        if not may_sell or left < market.min_size:
            summary = f"sold {plain(sold)} of {plain(step.target)}"
            return replace(step, is_finished=True, attempt=None, summary=summary)
        settled = min(left, record.settled_size)
        if settled < market.min_size:
            summary = f"waiting for the entry to settle: {plain(settled)} of {plain(left)} are"
            return replace(step, attempt=None, summary=summary)
        return await self._offer(record, market, step, Shares(settled), sales)

    async def _offer(
        self,
        record: PositionRecord,
        market: Market,
        step: ExitStep,
        settled: Shares,
        sales: Sequence[SaleOrder],
    ) -> ExitStep:
        """Offer what is settled; after the venue said that we have too little, what it sees."""
        seen = await self._seen_by_venue(record, sales)
        there = settled if seen is None else seen
        size = Shares(min(settled, there).quantize(CENT_OF_A_SHARE, ROUND_DOWN))
        if size < market.min_size:
            summary = f"no balance: the venue sees {plain(there)} of our {plain(settled)} shares"
            return replace(step, attempt=None, summary=summary)
        attempt = Attempt(
            number=step.number,
            side=Side.SELL,
            size=size,
            limit_price=await self._lowest(record, step, sales),
            position_id=record.position_id,
            exit_epoch=step.exit_epoch,
            exit_reason=step.reason,
            unsent=_unsent(sales),
        )
        return replace(step, attempt=attempt, summary=f"sell {plain(size)} of {plain(step.target)}")

    async def _lowest(
        self, record: PositionRecord, step: ExitStep, sales: Sequence[SaleOrder]
    ) -> Price | None:
        """Return how low a person lets it go, who may have said so since it began."""
        if not sales:
            return step.lowest
        return await self._ports.exits.find_lowest(record.position_id, step.exit_epoch)

    async def _seen_by_venue(
        self, record: PositionRecord, sales: Sequence[SaleOrder]
    ) -> Shares | None:
        """Return what the venue would let us sell; None when it never complained, or is away."""
        sent = [sale for sale in sales if not sale.ended_unsent]
        if not sent or sent[-1].state is not OrderState.REJECTED:
            return None
        if trouble_in(sent[-1].error) is not Trouble.BALANCE:
            return None
        try:
            return await self._ports.gateway.fetch_shares(record.token_id)
        except UnavailableError:
            return None

    async def _page_at_the_floor(
        self, record: PositionRecord, step: ExitStep, sales: Sequence[SaleOrder]
    ) -> None:
        """Tell a person once that nobody buys at the lowest price an exit may take."""
        tried = [sale for sale in sales if not sale.ended_unsent][len(self._rules.ladder) :]
        if not tried or tried[-1].matched or not tried[-1].state.is_terminal:
            return
        words = f"nobody buys at {self._rules.floor}; tried on, never below but on a person's word"
        await self.page(record.position_id, step.exit_epoch, AT_THE_FLOOR, words)


def _target(held: Shares, share: Decimal, min_size: Shares) -> Shares:
    """Return how much an exit sells: everything, where the rest could not be sold any more."""
    target = Shares((held * share).quantize(CENT_OF_A_SHARE, ROUND_DOWN))
    rest = held - target
    if target >= min_size and ZERO < rest < min_size:
        target = Shares(held.quantize(CENT_OF_A_SHARE, ROUND_DOWN))
    return target


def _nothing(reason: ExitReason) -> ExitStep:
    """Return the end of an exit that could not begin: the position cannot be sold."""
    return ExitStep(
        0, reason, Shares(ZERO), number=1, is_finished=True, attempt=None, summary="nothing to sell"
    )


def _first_step(plan: ExitPlan) -> ExitStep:
    return ExitStep(
        plan.exit_epoch,
        plan.reason,
        plan.target,
        number=1,
        is_finished=False,
        attempt=None,
        summary="begins",
        signal_ids=plan.signal_ids,
        is_whole=plan.share == 1,
        began_at=plan.began_at,
        lowest=plan.lowest,
    )


def _looked_at(step: ExitStep, sales: Sequence[SaleOrder]) -> ExitStep:
    return replace(
        step,
        number=max((sale.attempt for sale in sales), default=0) + 1,
        is_finished=False,
        order_hashes=tuple(sale.order_hash for sale in sales),
        left=tuple(sale.order_hash for sale in sales if not sale.state.is_terminal),
        unresolved=tuple(sale.order_hash for sale in sales if sale.is_unresolved),
    )


def _again(intent: Intent, step: ExitStep, sales: Sequence[SaleOrder]) -> ExitStep:
    """Return the attempt that was committed and has not ended: what it offers is not free yet.

    Its key finds the stored intent again, so that the same order is placed and followed.
    """
    attempt = Attempt(
        number=intent.attempt,
        side=Side.SELL,
        size=intent.order.size,
        limit_price=None,
        position_id=intent.position_id,
        exit_epoch=intent.exit_epoch,
        exit_reason=step.reason,
        unsent=_unsent(sales),
    )
    summary = f"go on with attempt {intent.attempt}"
    return replace(step, number=intent.attempt, attempt=attempt, summary=summary)


def _unsent(sales: Sequence[SaleOrder]) -> int:
    return sum(sale.ended_unsent for sale in sales)


def _sold(sales: Sequence[SaleOrder]) -> Shares:
    return Shares(sum((sale.matched for sale in sales), ZERO))
