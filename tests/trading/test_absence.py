"""What the venue's silence proves, and when."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.storage.builders import NOW, entry
from trading.absence import Silence, contradicts, rule_on_silence
from trading.orders import Intent, OrderProgress, Ruling, VenueTrade
from trading.rules import OrderRules
from trading.types import OrderState, Settlement, Shares, Side, TokenId, Usd

RULES = OrderRules()
SECOND = timedelta(seconds=1)


@pytest.fixture
def intent() -> Intent:
    return entry()


def known(intent: Intent, state: OrderState, *, heard_s: int | None = 0) -> OrderProgress:
    heard_at = None if heard_s is None else NOW + heard_s * SECOND
    order = intent.order
    return OrderProgress(order.order_hash, order.size, state, had_unknown=True, changed_at=heard_at)


def ruling(
    intent: Intent, progress: OrderProgress, at_s: int, *, asked: bool, since_s: int = 0
) -> Ruling | None:
    silence = Silence(NOW + since_s * SECOND, NOW + at_s * SECOND, asked)
    return rule_on_silence(intent, progress, silence, RULES)


def test_an_unknown_order_is_void_after_the_last_copy_and_the_quarantine(intent: Intent) -> None:
    unknown = known(intent, OrderState.UNKNOWN)
    assert ruling(intent, unknown, 56, asked=True) is None
    found = ruling(intent, unknown, 57, asked=False)
    assert found is not None
    assert found.state is OrderState.VOID


def test_an_order_whose_copies_may_be_sent_for_longer_is_unknown_for_longer(intent: Intent) -> None:
    later = replace(intent, expires_at=intent.created_at + 60 * SECOND)
    assert ruling(later, known(intent, OrderState.UNKNOWN), 104, asked=False) is None
    assert ruling(later, known(intent, OrderState.UNKNOWN), 105, asked=False) is not None


def test_an_order_that_was_only_turned_away_is_rejected_when_no_copy_can_follow(
    intent: Intent,
) -> None:
    turned_away = replace(known(intent, OrderState.UNKNOWN), had_unknown=False)
    assert ruling(intent, turned_away, 11, asked=False) is None
    found = ruling(intent, turned_away, 12, asked=False)
    assert found is not None
    assert found.state is OrderState.REJECTED


@pytest.mark.parametrize("state", [OrderState.LIVE, OrderState.PARTIAL])
def test_a_resting_order_is_cancelled_when_asked_and_unheard_of_for_six_seconds(
    intent: Intent, state: OrderState
) -> None:
    resting = known(intent, state, heard_s=30)
    assert ruling(intent, resting, 90, asked=False) is None
    assert ruling(intent, resting, 35, asked=True) is None
    found = ruling(intent, resting, 36, asked=True)
    assert found is not None
    assert found.state is OrderState.CANCELLED


def test_the_grace_begins_with_the_silence_and_again_with_every_news(intent: Intent) -> None:
    assert ruling(intent, known(intent, OrderState.LIVE), 35, asked=True, since_s=30) is None
    assert ruling(intent, known(intent, OrderState.LIVE), 36, asked=True, since_s=30) is not None
    news = known(intent, OrderState.PARTIAL, heard_s=34)
    assert ruling(intent, news, 39, asked=True, since_s=30) is None


def test_a_delayed_order_takes_the_whole_quarantine(intent: Intent) -> None:
    delayed = known(intent, OrderState.DELAYED, heard_s=None)
    assert ruling(intent, delayed, 44, asked=True) is None
    assert ruling(intent, delayed, 45, asked=True) is not None


@pytest.mark.parametrize("state", [OrderState.PREPARED, OrderState.SENDING, OrderState.MATCHED])
def test_silence_says_nothing_of_other_orders(intent: Intent, state: OrderState) -> None:
    assert ruling(intent, known(intent, state), 3600, asked=True) is None


def test_the_chain_contradicts_what_it_knows_more_of(intent: Intent) -> None:
    live = known(intent, OrderState.LIVE)
    assert not contradicts(None, live)
    assert not contradicts(Decimal(0), live)
    assert contradicts(Decimal(1), live)
    assert contradicts(Decimal(0), known(intent, OrderState.UNKNOWN))
    trade = VenueTrade(
        "t1",
        intent.order.order_hash,
        TokenId("1"),
        Side.BUY,
        Shares(Decimal(1)),
        Usd(Decimal(1)),
        Usd(Decimal(0)),
        Settlement.MINED,
        NOW,
    )
    assert not contradicts(Decimal(1), replace(live, trades={"t1": trade}))
