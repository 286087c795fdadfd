"""What the answer to a POST proves."""

from decimal import Decimal

import pytest

from trading.submits import (
    Submission,
    SubmitAnswer,
    SubmitKind,
    SubmitOutcome,
    Trouble,
    VenueMode,
    classify_submit,
)
from trading.types import OrderHash, OrderState, OrderType, Shares

HASH = OrderHash("0x" + "ab" * 32)
TEN = Shares(Decimal(10))
KILLED_FAK = (
    "no orders found to match with FAK order. "
    "FAK orders are partially filled or killed if no match is found."
)
KILLED_FOK = "order couldn't be fully filled. FOK orders are fully filled or killed."


def sent(order_type: OrderType = OrderType.FAK, *, had_unknown: bool = False) -> Submission:
    return Submission(HASH, order_type, TEN, had_unknown)


def accepted(status: str, matched: str = "0", order_id: str = HASH) -> SubmitAnswer:
    return SubmitAnswer(200, order_id, status, size_matched=Shares(Decimal(matched)))


def refused(http_status: int, error: str) -> SubmitAnswer:
    return SubmitAnswer(http_status, error=error)


def kind_and_state(outcome: SubmitOutcome) -> tuple[SubmitKind, OrderState | None]:
    return outcome.kind, outcome.state


@pytest.mark.parametrize(
    ("answer", "order_type", "state"),
    [
        (accepted("live"), OrderType.GTC, OrderState.LIVE),
        (accepted("LIVE"), OrderType.FAK, OrderState.LIVE),
        (accepted("delayed"), OrderType.FAK, OrderState.DELAYED),
        (accepted("matched", "10"), OrderType.FAK, OrderState.MATCHED),
        (accepted("matched", "10.02"), OrderType.GTC, OrderState.MATCHED),
        (accepted("matched", "4"), OrderType.FAK, OrderState.CANCELLED),
        (accepted("matched", "4"), OrderType.FOK, OrderState.CANCELLED),
        (accepted("matched", "4"), OrderType.GTC, OrderState.PARTIAL),
        (accepted("matched", "4"), OrderType.GTD, OrderState.PARTIAL),
        (accepted("live", order_id=HASH.upper().replace("X", "x")), OrderType.GTC, OrderState.LIVE),
    ],
)
def test_an_answer_with_our_id_and_a_known_status_is_accepted(
    answer: SubmitAnswer, order_type: OrderType, state: OrderState
) -> None:
    outcome = classify_submit(answer, sent(order_type))
    assert kind_and_state(outcome) == (SubmitKind.ACCEPTED, state)
    assert outcome.size_matched == answer.size_matched


@pytest.mark.parametrize(
    "answer",
    [
        accepted("unmatched"),  # may rest on the book
        accepted("matched"),  # without a size
        accepted("surprise"),
        accepted(""),
        SubmitAnswer(200, HASH, "delayed", error="order delayed"),
        refused(400, f"order {HASH} is invalid. Duplicated."),
    ],
)
@pytest.mark.parametrize("had_unknown", [False, True])
def test_an_answer_that_names_our_order_unclearly_means_it_is_known(
    answer: SubmitAnswer, had_unknown: bool
) -> None:
    outcome = classify_submit(answer, sent(had_unknown=had_unknown))
    assert kind_and_state(outcome) == (SubmitKind.KNOWN_TO_VENUE, None)


@pytest.mark.parametrize("http_status", [200, 400, 500, None])
def test_another_order_id_than_ours_is_a_fault(http_status: int | None) -> None:
    other = "0x" + "cd" * 32
    outcome = classify_submit(SubmitAnswer(http_status, other, "live"), sent())
    assert kind_and_state(outcome) == (SubmitKind.FAULT, None)
    assert HASH in outcome.text
    assert other in outcome.text


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refused(400, "not enough balance / allowance"), OrderState.REJECTED),
        (refused(400, f"order {HASH} is invalid. Size (1) lower than the minimum: 5"), "REJECTED"),
        (refused(400, "order 1 is invalid. Price (0.5) breaks minimum tick size rule"), "REJECTED"),
        (refused(400, "invalid post-only order: order crosses book"), OrderState.REJECTED),
        (refused(400, "order_version_mismatch"), OrderState.REJECTED),
        (refused(401, "Unauthorized/Invalid api key"), OrderState.REJECTED),
        (refused(403, "Trading restricted in your region"), OrderState.REJECTED),
        (refused(404, "market not found"), OrderState.REJECTED),
        (refused(404, "No orderbook exists for the requested token id"), OrderState.REJECTED),
        (refused(400, KILLED_FAK), OrderState.CANCELLED),
        (refused(400, KILLED_FOK), OrderState.CANCELLED),
    ],
)
def test_a_refusal_of_the_only_copy_is_final(answer: SubmitAnswer, state: OrderState) -> None:
    outcome = classify_submit(answer, sent())
    assert kind_and_state(outcome) == (SubmitKind.REJECTED, state)
    assert outcome.text == answer.error


@pytest.mark.parametrize("http_status", [400, 401, 403, 404])
def test_a_refusal_of_a_second_copy_says_nothing_about_the_first(http_status: int) -> None:
    answer = refused(http_status, "market not found")
    outcome = classify_submit(answer, sent(had_unknown=True))
    assert kind_and_state(outcome) == (SubmitKind.UNKNOWN, None)


@pytest.mark.parametrize(
    "answer",
    [
        SubmitAnswer(425, error="restarting", retry_after_s=Decimal(2)),
        SubmitAnswer(429, error="Too Many Requests", retry_after_s=Decimal(2)),
        SubmitAnswer(503, error="Trading is currently cancel-only", retry_after_s=Decimal(2)),
        SubmitAnswer(500, error="order timed out", retry_after_s=Decimal(2)),
    ],
)
@pytest.mark.parametrize("had_unknown", [False, True])
def test_the_venue_may_ask_to_come_back_later(answer: SubmitAnswer, had_unknown: bool) -> None:
    outcome = classify_submit(answer, sent(had_unknown=had_unknown))
    assert kind_and_state(outcome) == (SubmitKind.NOT_NOW, None)
    assert outcome.retry_after_s == 2


def test_a_success_that_carries_the_post_only_mode_means_later() -> None:
    answer = refused(200, "post-only mode: only post-only orders and cancels are allowed")
    assert classify_submit(answer, sent()).kind is SubmitKind.NOT_NOW
    assert classify_submit(answer, sent(had_unknown=True)).kind is SubmitKind.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        SubmitAnswer(None),
        SubmitAnswer(200),
        refused(200, "not enough balance / allowance"),
        refused(200, "invalid post-only order: order crosses book"),
        refused(500, "could not run the execution"),
        refused(400, "could not run the execution"),
        refused(400, "context canceled"),
        refused(400, "order match delayed due to market conditions"),
        refused(404, "page not found"),
        refused(404, ""),
        refused(500, "there are no matching orders"),
        refused(502, "bad gateway"),
        refused(504, ""),
        refused(302, ""),
    ],
)
@pytest.mark.parametrize("had_unknown", [False, True])
def test_everything_else_proves_nothing(answer: SubmitAnswer, had_unknown: bool) -> None:
    outcome = classify_submit(answer, sent(had_unknown=had_unknown))
    assert kind_and_state(outcome) == (SubmitKind.UNKNOWN, None)
    assert outcome.text


@pytest.mark.parametrize(
    ("answer", "mode"),
    [
        (refused(425, "the matching engine is restarting"), VenueMode.RESTARTING),
        (refused(429, "Too Many Requests"), VenueMode.RATE_LIMITED),
        (refused(503, "Trading is currently cancel-only"), VenueMode.CANCEL_ONLY),
        (refused(503, "post-only mode: only post-only orders"), VenueMode.POST_ONLY),
        (refused(200, "post-only mode: only post-only orders"), VenueMode.POST_ONLY),
        (refused(503, "Trading is currently disabled"), VenueMode.DISABLED),
        (refused(500, "order timed out"), None),
    ],
)
def test_not_now_says_what_the_venue_does_instead(
    answer: SubmitAnswer, mode: VenueMode | None
) -> None:
    outcome = classify_submit(answer, sent())
    assert (outcome.kind, outcome.mode) == (SubmitKind.NOT_NOW, mode)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (refused(401, "Unauthorized/Invalid api key"), Trouble.CREDENTIALS),
        (refused(403, "Trading restricted in your region"), Trouble.REGION),
        (refused(400, "'0xab' address in closed only mode"), Trouble.CLOSED_ONLY),
        (refused(400, "'0xab' address banned"), Trouble.BANNED),
        (refused(400, "order_version_mismatch"), Trouble.WRONG_VERSION),
        (
            refused(400, "the order signer address has to be the address of the API KEY"),
            Trouble.WRONG_WALLET,
        ),
        (
            refused(400, "maker address not allowed, please use the deposit wallet flow"),
            Trouble.WRONG_WALLET,
        ),
        (refused(400, "not enough balance / allowance"), Trouble.BALANCE),
        (refused(400, "invalid amounts"), None),
        (refused(404, "market not found"), None),
    ],
)
@pytest.mark.parametrize("had_unknown", [False, True])
def test_a_refusal_tells_what_is_wrong_with_us_whatever_it_proves_of_the_order(
    answer: SubmitAnswer, trouble: Trouble | None, had_unknown: bool
) -> None:
    assert classify_submit(answer, sent(had_unknown=had_unknown)).trouble is trouble
