"""An order's life, folded from evidence that comes late, twice and in any order."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.orders import (
    SIZE_TOLERANCE,
    TRANSITIONS,
    Evidence,
    Intent,
    OrderProgress,
    PreparedOrder,
    Ruling,
    UnsignedOrder,
    VenueOrder,
    VenueTrade,
    fold,
)
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import (
    ConditionId,
    IntentId,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    Price,
    Protocol,
    Settlement,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
)

HASH = OrderHash("0x" + "ab" * 32)
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEN = Shares(Decimal(10))
HALF = Decimal("0.5")


def progress(state: OrderState = OrderState.SENDING) -> OrderProgress:
    return OrderProgress(HASH, TEN, state)


def trade(trade_id: str, size: str, settlement: Settlement = Settlement.MATCHED) -> VenueTrade:
    shares = Shares(Decimal(size))
    cost = Usd(shares * HALF)
    fee = Usd(Decimal("0.01"))
    token = TokenId("1")
    return VenueTrade(trade_id, HASH, token, Side.BUY, shares, cost, fee, settlement, AT)


def venue(state: OrderState, matched: str = "0") -> VenueOrder:
    return VenueOrder(HASH, state, Shares(Decimal(matched)), "seen")


def submit(kind: SubmitKind, state: OrderState | None = None, matched: str = "0") -> SubmitOutcome:
    return SubmitOutcome(kind, state, "answer", Shares(Decimal(matched)))


def fold_all(start: OrderProgress, *evidence: Evidence) -> OrderProgress:
    for piece in evidence:
        start = fold(start, piece)
    return start


# What really happened to an order, and everything that may be told of it.


@dataclass(frozen=True)
class Truth:
    """A finished life: the shares of each trade, how each settled, and how the order ended."""

    sizes: tuple[int, ...]
    settled: tuple[Settlement, ...]
    end: OrderState
    answer: SubmitOutcome

    @property
    def matched(self) -> int:
        return sum(self.sizes)


def trades_told(truth: Truth) -> list[Evidence]:
    """Each trade is told in every settlement state it passed."""
    told: list[Evidence] = []
    for number, (size, final) in enumerate(zip(truth.sizes, truth.settled, strict=True)):
        passed = (Settlement.MATCHED, Settlement.RETRYING, Settlement.MINED, final)
        told += [trade(f"t{number}", str(size), settlement) for settlement in passed]
    return told


def order_told(truth: Truth) -> list[Evidence]:
    """The order is told after each match, and once more when it is over."""
    told: list[Evidence] = [truth.answer]
    matched = 0
    for size in truth.sizes[:-1]:
        matched += size
        told.append(venue(OrderState.PARTIAL, str(matched)))
    if truth.matched == 0:
        told.append(venue(OrderState.LIVE))
    return [*told, venue(truth.end, str(truth.matched))]


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    sizes: list[int] = []
    while sum(sizes) < 10 and draw(st.booleans()):
        sizes.append(draw(st.integers(1, 10 - sum(sizes))))
    settled = tuple(draw(st.sampled_from([Settlement.CONFIRMED, Settlement.FAILED])) for _ in sizes)
    ends = [OrderState.CANCELLED, OrderState.EXPIRED]
    end = OrderState.MATCHED if sum(sizes) == 10 else draw(st.sampled_from(ends))
    answers = [
        submit(SubmitKind.UNKNOWN),
        submit(SubmitKind.KNOWN_TO_VENUE),
        submit(SubmitKind.ACCEPTED, OrderState.LIVE),
        submit(SubmitKind.ACCEPTED, OrderState.DELAYED),
    ]
    return Truth(tuple(sizes), settled, end, draw(st.sampled_from(answers)))


@settings(max_examples=300)
@given(truth=truths(), data=st.data())
def test_every_delivery_of_the_same_news_ends_the_same(truth: Truth, data: st.DataObject) -> None:
    told = order_told(truth) + trades_told(truth)
    doubled = told + data.draw(st.lists(st.sampled_from(told), max_size=10))
    one = fold_all(progress(), *told)
    other = fold_all(progress(), *data.draw(st.permutations(doubled)))
    assert replace(one, text="", trades=dict(one.trades)) == replace(other, text="")
    assert one.is_done
    assert one.state is truth.end
    assert not one.faults


@settings(max_examples=300)
@given(truth=truths(), data=st.data())
def test_folding_again_changes_nothing(truth: Truth, data: st.DataObject) -> None:
    told = order_told(truth) + trades_told(truth)
    some = data.draw(st.lists(st.sampled_from(told), max_size=20))
    state = progress()
    for piece in some:
        state = fold(state, piece)
        assert replace(fold(state, piece), text="") == replace(state, text="")


@settings(max_examples=300)
@given(truth=truths(), data=st.data())
def test_it_is_never_done_while_the_truth_can_still_change(
    truth: Truth, data: st.DataObject
) -> None:
    told = order_told(truth) + trades_told(truth)
    state = progress()
    for piece in data.draw(st.permutations(told)):
        state = fold(state, piece)
        if state.is_done:
            confirmed = [
                size
                for size, settled in zip(truth.sizes, truth.settled, strict=True)
                if settled is Settlement.CONFIRMED
            ]
            assert state.confirmed == sum(confirmed)
            assert state.size_matched == truth.matched
            assert state.state is truth.end


@settings(max_examples=200)
@given(truth=truths(), data=st.data())
def test_matched_shares_never_shrink_but_by_failed_trades(
    truth: Truth, data: st.DataObject
) -> None:
    state, most = progress(), Decimal(0)
    for piece in data.draw(st.permutations(order_told(truth) + trades_told(truth))):
        state = fold(state, piece)
        assert state.matched + state.size_failed >= most
        most = state.matched + state.size_failed
    assert state.matched == truth.matched - state.size_failed


# The table of transitions.

EVERY_STATE = list(OrderState)


@pytest.mark.parametrize("old", EVERY_STATE)
@pytest.mark.parametrize("new", EVERY_STATE)
def test_a_state_moves_on_stays_or_faults(old: OrderState, new: OrderState) -> None:
    after = fold(progress(old), venue(new))
    if new in TRANSITIONS[old]:
        assert after.state is new
        assert not after.faults
    else:
        assert after.state is old


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OrderState.PREPARED, OrderState.LIVE),
        (OrderState.PREPARED, OrderState.MATCHED),
        (OrderState.SENDING, OrderState.VOID),
        (OrderState.LIVE, OrderState.REJECTED),
        (OrderState.PARTIAL, OrderState.REJECTED),
    ],
)
def test_an_impossible_transition_is_a_fault(old: OrderState, new: OrderState) -> None:
    after = fold_all(progress(old), venue(new), venue(new))
    assert after.state is old
    assert after.faults == (f"impossible transition {old} -> {new}: seen",)


@pytest.mark.parametrize("given_up", [OrderState.REJECTED, OrderState.VOID])
@pytest.mark.parametrize(
    "late",
    [
        venue(OrderState.DELAYED),
        venue(OrderState.LIVE),
        venue(OrderState.PARTIAL, "3"),
        venue(OrderState.MATCHED, "10"),
        venue(OrderState.CANCELLED),
        trade("t", "3"),
    ],
)
def test_a_late_booking_of_an_order_given_up_is_adopted(
    given_up: OrderState, late: Evidence
) -> None:
    after = fold(progress(given_up), late)
    assert after.adopted
    assert after.state not in (OrderState.REJECTED, OrderState.VOID)


@pytest.mark.parametrize(
    "told", [venue(OrderState.LIVE), trade("t", "3"), venue(OrderState.CANCELLED)]
)
def test_giving_up_is_overtaken_by_the_venue(told: Evidence) -> None:
    before = fold(progress(OrderState.UNKNOWN), told)
    after = fold(before, Ruling(OrderState.VOID, "quarantine over"))
    assert after == before


def test_giving_up_after_the_quarantine_ends_an_unknown_order() -> None:
    after = fold(progress(OrderState.UNKNOWN), Ruling(OrderState.VOID, "quarantine over"))
    assert after.state is OrderState.VOID
    assert after.is_done


def test_an_order_never_sent_expires_by_our_word() -> None:
    after = fold(progress(OrderState.PREPARED), Ruling(OrderState.EXPIRED, "too late"))
    assert after.state is OrderState.EXPIRED
    assert after.is_done


@pytest.mark.parametrize("state", [OrderState.SENDING, OrderState.UNKNOWN, OrderState.LIVE])
def test_an_order_that_was_sent_expires_by_the_venues_word_only(state: OrderState) -> None:
    before = progress(state)
    assert fold(before, Ruling(OrderState.EXPIRED, "too late")) == before
    assert fold(before, venue(OrderState.EXPIRED)).state is OrderState.EXPIRED


NOT_SENT = [
    Ruling(OrderState.REJECTED, "not sent: the signer refused it"),
    Ruling(OrderState.EXPIRED, "not sent: the signer was late"),
    Ruling(OrderState.CANCELLED, "not sent: the kill switch was pulled"),
]


@pytest.mark.parametrize("word", NOT_SENT)
@pytest.mark.parametrize("told", [None, venue(OrderState.LIVE), trade("t", "10")])
def test_a_word_that_nothing_was_sent_hides_no_copy_that_another_sender_sent(
    word: Ruling, told: Evidence | None
) -> None:
    """One sender says that it sent nothing, while another one is sending the same order."""
    lost = fold(progress(), Ruling(OrderState.UNKNOWN, "the sender ended without an answer"))
    for before in (lost, replace(lost, state=OrderState.SENDING)):
        after = fold(before, word)
        assert after == before
        answered = fold_all(after, submit(SubmitKind.UNKNOWN), *([told] if told else []))
        assert not answered.is_done
        assert not answered.adopted
        assert not answered.faults


@pytest.mark.parametrize("word", NOT_SENT[:2])
def test_nobody_but_its_sender_ends_an_order_that_is_being_sent(word: Ruling) -> None:
    assert fold(progress(), word) == progress()


def test_a_refusal_ends_an_order_of_which_no_copy_can_live() -> None:
    refused, held_back = NOT_SENT[0], NOT_SENT[2]
    assert fold(progress(OrderState.PREPARED), refused).state is OrderState.REJECTED
    turned_away = fold(progress(), submit(SubmitKind.NOT_NOW))
    assert turned_away.state is OrderState.UNKNOWN
    assert fold(turned_away, refused).state is OrderState.REJECTED
    assert fold(progress(), held_back).state is OrderState.CANCELLED


def test_an_order_of_which_a_copy_left_was_not_refused_by_us() -> None:
    refused = fold(progress(OrderState.PREPARED), NOT_SENT[0])
    assert refused.is_refused_unsent
    assert not replace(refused, copies=1).is_refused_unsent
    assert not progress(OrderState.PREPARED).is_refused_unsent


def test_a_sending_that_nobody_finished_leaves_the_outcome_unknown() -> None:
    after = fold(progress(), Ruling(OrderState.UNKNOWN, "the worker died"))
    assert after.state is OrderState.UNKNOWN
    assert after.had_unknown


def test_a_proven_refusal_ends_a_delayed_order() -> None:
    after = fold(progress(OrderState.DELAYED), Ruling(OrderState.REJECTED, "off the book"))
    assert after.state is OrderState.REJECTED


# Submit outcomes.


@pytest.mark.parametrize(
    ("kind", "had_unknown"),
    [
        (SubmitKind.UNKNOWN, True),
        (SubmitKind.KNOWN_TO_VENUE, True),
        (SubmitKind.NOT_NOW, False),
    ],
)
def test_an_open_outcome_leaves_the_order_unknown(kind: SubmitKind, had_unknown: bool) -> None:
    after = fold(progress(), submit(kind))
    assert after.state is OrderState.UNKNOWN
    assert after.had_unknown is had_unknown


def test_an_unknown_outcome_is_not_forgotten_by_a_later_one() -> None:
    after = fold_all(progress(), submit(SubmitKind.UNKNOWN), submit(SubmitKind.NOT_NOW))
    assert after.had_unknown


def test_a_fault_in_the_answer_is_kept_and_the_outcome_is_unknown() -> None:
    after = fold(progress(), submit(SubmitKind.FAULT))
    assert (after.state, after.had_unknown) == (OrderState.UNKNOWN, True)
    assert after.faults == ("answer",)


def test_a_rejection_ends_the_order() -> None:
    after = fold(progress(), submit(SubmitKind.REJECTED, OrderState.REJECTED))
    assert after.state is OrderState.REJECTED
    assert after.is_done


def test_a_partly_killed_order_waits_for_its_trades() -> None:
    killed = submit(SubmitKind.ACCEPTED, OrderState.CANCELLED, "4")
    after = fold(progress(), killed)
    assert after.state is OrderState.CANCELLED
    assert not after.is_done
    assert fold(after, trade("t", "4", Settlement.CONFIRMED)).is_done


# Matched is not money.


def test_a_matched_order_is_not_done_before_its_trades_are_known() -> None:
    assert not fold(progress(), venue(OrderState.MATCHED, "10")).is_done


def test_a_matched_order_without_a_size_is_not_done() -> None:
    assert not fold(progress(), venue(OrderState.MATCHED)).is_done


def test_all_shares_matched_mean_matched_whoever_says_so() -> None:
    assert fold(progress(), venue(OrderState.LIVE, "10")).state is OrderState.MATCHED
    by_trades = fold_all(progress(), trade("a", "6"), trade("b", "4"))
    assert by_trades.state is OrderState.MATCHED


def test_shares_matched_on_a_live_order_make_it_partial() -> None:
    assert fold(progress(), venue(OrderState.LIVE, "3")).state is OrderState.PARTIAL


def test_late_fills_raise_the_size_of_a_cancelled_order() -> None:
    after = fold_all(progress(), venue(OrderState.CANCELLED, "2"), trade("a", "2"), trade("b", "3"))
    assert after.state is OrderState.CANCELLED
    assert after.size_matched == 5
    assert after.matched == 5


def test_a_failed_trade_takes_its_shares_back() -> None:
    after = fold_all(
        progress(),
        venue(OrderState.MATCHED, "10"),
        trade("a", "6", Settlement.CONFIRMED),
        trade("b", "4"),
        trade("b", "4", Settlement.FAILED),
    )
    assert after.is_done
    assert after.matched == after.confirmed == 6
    assert after.size_failed == 4
    assert not after.is_accepted


def test_eighty_percent_matched_is_enough() -> None:
    assert fold(progress(), trade("a", "8")).is_accepted
    assert not fold(progress(), trade("a", "7.99")).is_accepted


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_trade_both_confirmed_and_failed_is_a_fault(order: tuple[int, int]) -> None:
    news = [trade("a", "10", Settlement.CONFIRMED), trade("a", "10", Settlement.FAILED)]
    after = fold_all(progress(), news[order[0]], news[order[1]])
    assert after.faults == ("trade a both confirmed and failed",)
    assert after.confirmed == 10


def test_an_overfill_beyond_rounding_is_a_fault() -> None:
    rounding = fold(progress(), trade("a", str(10 + SIZE_TOLERANCE)))
    assert not rounding.faults
    beyond = fold_all(rounding, trade("b", "1"), trade("c", "1"))
    assert beyond.faults == ("overfilled: more than 10",)


def test_the_transaction_hash_of_a_later_report_stays() -> None:
    plain = trade("a", "10", Settlement.MINED)
    with_hash = replace(plain, transaction_hash="0x01")
    one = fold_all(progress(), plain, with_hash)
    other = fold_all(progress(), with_hash, plain)
    assert one.trades["a"].transaction_hash == other.trades["a"].transaction_hash == "0x01"


def test_the_side_of_an_intent_is_that_of_its_order() -> None:
    wallet = Wallet("0x" + "11" * 20)
    unsigned = UnsignedOrder(
        wallet,
        wallet,
        TokenId("1"),
        10_000_000,
        5_000_000,
        Side.SELL,
        SignatureType.EOA,
        salt=1,
        timestamp_ms=1,
        protocol=Protocol.CLOB_V2,
        neg_risk=False,
    )
    half = Price(HALF)
    intent = Intent(
        IntentId("i"),
        None,
        PositionId("p"),
        1,
        1,
        ConditionId("0x01"),
        wallet,
        OrderType.FAK,
        PreparedOrder(unsigned, HASH, TEN, half, Usd(Decimal(0))),
        half,
        AT,
        AT + timedelta(seconds=5),
    )
    assert intent.side is Side.SELL
