"""The gate between a wish and an intent."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from activities.records import Attempt, Estimate
from tests.activities.desk import SIGNAL, Desk
from tests.storage.builders import WALLET, YES, price, shares, usd
from trading.types import ExitReason, Reason, Side, SignalState

ENTRY = Attempt(1, Side.BUY, shares(100), price("0.52"), signal_id=SIGNAL)
ESTIMATE = Estimate(Decimal("0.01"), price("0.51"), price("0.52"), price("0.505"))


async def test_an_attempt_is_committed_once_however_often_it_is_checked(desk: Desk) -> None:
    first = await desk.ticket()
    desk.clock.advance(timedelta(seconds=60))
    again = await desk.risk.check_risk(ENTRY, ESTIMATE)
    assert again.order_hash == first.order_hash
    assert await desk.store.orders_of_signal(SIGNAL) == [first.order_hash]


async def test_an_entry_after_its_deadline_has_expired(desk: Desk) -> None:
    await desk.tell()
    desk.clock.advance(timedelta(seconds=6))
    ticket = await desk.risk.check_risk(ENTRY, ESTIMATE)
    assert (ticket.order_hash, ticket.reason) == (None, Reason.SIGNAL_TOO_OLD)
    assert ticket.ended_as is SignalState.EXPIRED
    assert "expired_at" in (await desk.store.load_decision(SIGNAL, "check_risk#1") or {})
    remainder = await desk.risk.check_risk(replace(ENTRY, number=2), ESTIMATE)
    assert remainder.order_hash is not None


async def test_what_the_venue_would_not_take_is_not_committed(desk: Desk) -> None:
    await desk.tell()
    small = await desk.risk.check_risk(replace(ENTRY, size=shares("4.99")), ESTIMATE)
    assert (small.reason, small.ended_as) == (Reason.SIZE_TOO_SMALL, SignalState.FILTERED)
    assert desk.venue.market is not None
    free = replace(desk.venue.market, min_size=shares(0))
    await desk.store.save_market(free, desk.clock())
    nothing = await desk.risk.check_risk(replace(ENTRY, size=shares("0.001")), ESTIMATE)
    assert nothing.reason is Reason.SIZE_TOO_SMALL


async def test_an_entry_over_a_limit_is_refused_and_reserves_nothing(desk: Desk) -> None:
    await desk.tell()
    desk.rules = replace(desk.rules, risk=replace(desk.rules.risk, position_max=usd(51)))
    ticket = await desk.risk.check_risk(ENTRY, ESTIMATE)
    assert (ticket.reason, ticket.ended_as) == (Reason.POSITION_LIMIT, SignalState.RISK_REJECTED)
    assert not await desk.reserved()
    kept = await desk.store.load_decision(SIGNAL, "check_risk#1")
    assert kept is not None
    assert (kept["verdict"], kept["cap"]) == ("POSITION_LIMIT", "51.000000")
    await desk.store.record_deposit(usd(-9_999), "withdrawn", desk.clock())
    assert (await desk.risk.check_risk(ENTRY, ESTIMATE)).reason is Reason.BALANCE_TOO_LOW


async def test_what_would_be_signed_is_held_against_market_price_and_cost(desk: Desk) -> None:
    await desk.tell()
    above = replace(ESTIMATE, limit_price=price("0.53"))
    big = replace(ENTRY, size=shares(2000))
    assert (await desk.risk.check_risk(ENTRY, above)).reason is Reason.PRICE_OUT_OF_BAND
    assert (await desk.risk.check_risk(big, ESTIMATE)).reason is Reason.ORDER_THROTTLE
    assert desk.venue.market is not None
    closing = replace(desk.venue.market, ends_at=desk.clock() + timedelta(minutes=59))
    await desk.store.save_market(closing, desk.clock())
    assert (await desk.risk.check_risk(ENTRY, ESTIMATE)).reason is Reason.END_TOO_NEAR
    await desk.store.save_market(replace(closing, accepts_orders=False), desk.clock())
    ticket = await desk.risk.check_risk(ENTRY, ESTIMATE)
    assert (ticket.reason, ticket.ended_as) == (Reason.MARKET_CLOSED, SignalState.RISK_REJECTED)
    assert not await desk.reserved()


async def test_an_exit_never_offers_more_than_is_held(desk: Desk) -> None:
    position = await desk.opened()
    epoch = await desk.store.begin_exit(position.position_id, ExitReason.OPERATOR, desk.clock())
    leave = Attempt(
        number=1,
        side=Side.SELL,
        size=position.size,
        limit_price=None,
        position_id=position.position_id,
        exit_epoch=epoch,
        exit_reason=ExitReason.OPERATOR,
    )
    ticket = await desk.risk.check_risk(leave, ESTIMATE)
    assert ticket.order_hash is not None
    intent = await desk.store.load_intent(ticket.order_hash)
    assert intent is not None
    assert (intent.side, intent.signal_id, intent.order.unsigned.maker) == (Side.SELL, None, WALLET)
    assert intent.order.unsigned.token_id == YES
    more = await desk.risk.check_risk(replace(leave, number=2, size=shares(5)), ESTIMATE)
    assert more.reason is Reason.NO_POSITION_TO_REDUCE
