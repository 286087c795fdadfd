"""How much may be signed in a time, and one order for one intent."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from exchange.polymarket.signing import salt_of
from signer.facts import OrderFacts, PastOrder
from signer.settings import SignerLimits
from signer.tally import INTENTS_MAX, Quota, Tally
from tests.signer.orders import NOW, entry, leaving, resigned
from trading.breakers import end_of_day
from trading.pretrade import Control
from trading.types import IntentId, SignalId, TokenId, Usd

OTHER = TokenId("8" * 77)


def at(order: OrderFacts, seconds: int) -> OrderFacts:
    return replace(order, created_at=NOW + timedelta(seconds=seconds))


def signed(tally: Tally, order: OrderFacts) -> Control | None:
    """Sign if it may be, and return why not."""
    refusal = tally.refuse(order, order.created_at)
    if refusal is not None:
        return refusal.code
    tally.count(order, order.created_at)
    return None


def on_another_token(order: OrderFacts, number: int) -> OrderFacts:
    return resigned(order, token_id=TokenId(str(number)))


def test_so_many_entries_of_a_minute_pass_and_the_next_minute_has_its_own() -> None:
    tally = Tally(SignerLimits(orders_per_min=3))
    codes = [signed(tally, on_another_token(entry(f"s{n}#1"), n)) for n in range(4)]
    assert codes == [None, None, None, Control.ORDERS_PER_MIN]
    assert signed(tally, on_another_token(at(entry("s9#1"), 61), 9)) is None


def test_entries_that_a_worker_let_pass_are_not_too_many_in_whatever_order_they_are_signed() -> (
    None
):
    tally = Tally(SignerLimits(orders_per_min=2, repeats=2))
    assert signed(tally, entry("s1#1")) is None
    early, late = at(entry("s2#1"), 59), on_another_token(at(entry("s3#1"), 61), 3)
    for order in (late, early):  # s1 had left its minute when s3 was committed
        assert tally.refuse(order, NOW + timedelta(seconds=62)) is None
        tally.count(order, NOW + timedelta(seconds=62))
    slow = at(entry("s4#1"), 600)  # as s1 leaves its ten minutes
    assert tally.refuse(slow, NOW + timedelta(seconds=600)) is None


def test_repeats_are_forgotten_by_their_own_time_whatever_was_signed_before_them() -> None:
    tally = Tally(SignerLimits(repeats=2))
    for order in (on_another_token(at(entry("s1#1"), 5), 1), entry("s2#1"), at(entry("s3#1"), 300)):
        assert tally.refuse(order, NOW + timedelta(seconds=300)) is None
        tally.count(order, order.created_at)
    last = at(entry("s4#1"), 602)
    assert signed(tally, last) is None


def test_one_token_has_a_smaller_share_and_repeats_of_it_run_out() -> None:
    tally = Tally(SignerLimits(orders_per_min_token=2, repeats=9))
    assert [signed(tally, entry(f"s{n}#1")) for n in range(3)][-1] is Control.ORDERS_PER_MIN_TOKEN
    tally = Tally(SignerLimits(repeats=2))
    codes = [signed(tally, at(entry(f"s{n}#1"), n * 70)) for n in range(4)]
    assert codes == [None, None, Control.REPEATS, Control.REPEATS]


def test_dollars_run_out_by_the_minute_and_by_the_day() -> None:
    tally = Tally(SignerLimits(usd_per_min=Usd(Decimal(110))))
    codes = [signed(tally, on_another_token(entry(f"s{n}#1"), n)) for n in range(3)]
    assert codes == [None, None, Control.NOTIONAL_PER_MIN]
    tally = Tally(SignerLimits(usd_per_day=Usd(Decimal(110))))
    codes = [signed(tally, on_another_token(at(entry(f"s{n}#1"), n * 700), n)) for n in range(3)]
    assert codes == [None, None, Control.NOTIONAL_PER_DAY]
    assert signed(tally, on_another_token(at(entry("s9#1"), 86_400), 9)) is None


def test_a_day_that_a_worker_let_pass_is_not_too_much_in_whatever_order_it_is_signed() -> None:
    """Each counts on the day of its intent, though both days are signed after midnight."""
    tally = Tally(SignerLimits(usd_per_day=Usd(Decimal(110))))
    midnight = int((end_of_day(NOW) - NOW).total_seconds())
    for n, second in enumerate((1, -1, 0, -2)):
        order = on_another_token(at(entry(f"s{n}#1"), midnight + second), n)
        assert tally.refuse(order, NOW + timedelta(seconds=midnight + 2)) is None
        tally.count(order, NOW + timedelta(seconds=midnight + 2))
    last = on_another_token(at(entry("s9#1"), midnight), 9)
    assert signed(tally, last) is Control.NOTIONAL_PER_DAY


def test_a_signal_has_so_many_attempts() -> None:
    tally = Tally(SignerLimits())
    codes = [signed(tally, entry(f"s1#{n}")) for n in range(1, 5)]
    assert codes == [None, None, None, Control.ATTEMPTS]


def test_an_intent_has_one_order_and_its_copies_are_known() -> None:
    tally, order = Tally(SignerLimits()), entry()
    assert not tally.is_again(order)
    assert signed(tally, order) is None
    assert tally.is_again(order)
    other = resigned(order, salt=salt_of(IntentId("x")))
    assert not tally.is_again(other)
    assert signed(tally, other) is Control.ORDERS_OUT


def test_exits_have_a_bound_against_loops_of_their_own() -> None:
    tally = Tally(SignerLimits(exits_per_min=2, orders_per_min=0))
    codes = [signed(tally, leaving(f"p1#exit-1-{n}")) for n in range(3)]
    assert codes == [None, None, Control.EXITS_PER_MIN]
    assert signed(tally, at(leaving("p1#exit-1-9"), 61)) is None


def test_a_restart_forgets_nothing_of_what_left() -> None:
    def past(order: OrderFacts, *, is_entry: bool) -> PastOrder:
        return PastOrder(
            order.intent_id,
            order.order_hash,
            SignalId("s1"),
            order.unsigned.token_id,
            is_entry=is_entry,
            cost_max=order.cost_max,
            created_at=order.created_at,
        )

    tally = Tally(SignerLimits(orders_per_min=1, exits_per_min=1))
    tally.remember([past(entry(), is_entry=True), past(leaving(), is_entry=False)])
    assert tally.is_again(entry())
    assert signed(tally, on_another_token(entry("s2#1"), 2)) is Control.ORDERS_PER_MIN
    assert signed(tally, leaving("p1#exit-1-2")) is Control.EXITS_PER_MIN


def test_what_is_remembered_is_bounded() -> None:
    tally, order = Tally(SignerLimits()), entry()
    for number in range(INTENTS_MAX + 5):
        tally._keep(IntentId(str(number)), order.order_hash)
    assert len(tally._hashes) == INTENTS_MAX


def test_a_quota_is_by_the_hour() -> None:
    quota = Quota(1, Control.ATTESTS_PER_HOUR)
    assert quota.take(NOW) is None
    refusal = quota.take(NOW + timedelta(minutes=59))
    assert refusal is not None
    assert refusal.code is Control.ATTESTS_PER_HOUR
    assert quota.take(NOW + timedelta(minutes=60)) is None
