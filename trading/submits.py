"""What the answer to a POST proves: the one table that may decide a retry."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.types import ZERO, OrderHash, OrderState, OrderType, Shares


class SubmitKind(StrEnum):
    """The classes of an answer to a POST."""

    ACCEPTED = "ACCEPTED"
    KNOWN_TO_VENUE = "KNOWN_TO_VENUE"
    REJECTED = "REJECTED"
    NOT_NOW = "NOT_NOW"
    UNKNOWN = "UNKNOWN"
    FAULT = "FAULT"


class Trouble(StrEnum):
    """What an answer says about us, not the order: no entry can succeed before it is mended."""

    CREDENTIALS = "the API key is refused"
    REGION = "trading is restricted in this region"
    CLOSED_ONLY = "the account is in closed-only mode"
    BANNED = "the address is banned"
    WRONG_WALLET = "the wallet and the API key do not belong together"
    WRONG_VERSION = "the venue wants another generation of orders"
    BALANCE = "the venue sees too little balance or allowance"


class VenueMode(StrEnum):
    """What the venue does instead of working orders; it ends by itself."""

    RESTARTING = "RESTARTING"
    POST_ONLY = "POST_ONLY"
    CANCEL_ONLY = "CANCEL_ONLY"
    DISABLED = "DISABLED"
    RATE_LIMITED = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class SubmitAnswer:
    """The raw answer to a POST. `http_status` None: no answer came (time-out, reset, bad JSON).

    `size_matched` is the shares matched at once, as the answer's amounts say.
    """

    http_status: int | None
    order_id: str = ""
    status: str = ""
    error: str = ""
    size_matched: Shares = Shares(ZERO)
    retry_after_s: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SubmitOutcome:
    """A classified answer: what it proves, in the venue's own words."""

    kind: SubmitKind
    state: OrderState | None
    text: str
    size_matched: Shares = Shares(ZERO)
    retry_after_s: Decimal | None = None
    mode: VenueMode | None = None  # of NOT_NOW
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What was sent: the hash we computed, the order's terms, and what earlier copies told."""

    order_hash: OrderHash
    order_type: OrderType
    size: Shares
    had_unknown: bool


_NOT_NOW = frozenset({425, 429, 503})
_FINAL = frozenset({400, 401, 403})
_KILLED = ("no orders found to match", "couldn't be fully filled")
_SAFE_TO_RESUBMIT = "order timed out"
_POST_ONLY_MODE = "post-only mode"
# The venue's gateway makes a 400 of a request it gave up and a 404 of any "not found" inside it;
# a delayed match is an order at the venue. None of these says that there is no order.
_PROVES_NOTHING = (
    "context canceled",
    "order match delayed",
    "delaying the order",
    "could not run the execution",
)
_NOTHING_TO_TRADE = ("market not found", "orderbook")
_TROUBLES = (
    ("closed only mode", Trouble.CLOSED_ONLY),
    ("banned", Trouble.BANNED),
    ("order_version_mismatch", Trouble.WRONG_VERSION),
    ("has to be the address of the api key", Trouble.WRONG_WALLET),
    ("has to be the owner of the api key", Trouble.WRONG_WALLET),
    ("deposit wallet flow", Trouble.WRONG_WALLET),
    ("not enough balance", Trouble.BALANCE),
)
_MODES = (("post-only", VenueMode.POST_ONLY), ("cancel-only", VenueMode.CANCEL_ONLY))


def trouble_in(error: str) -> Trouble | None:
    """Return what the words of a refusal say about us; source: the venue's error-code page."""
    error = error.lower()
    return next((trouble for words, trouble in _TROUBLES if words in error), None)


def classify_submit(answer: SubmitAnswer, sent: Submission) -> SubmitOutcome:
    """Classify an answer; everything that proves nothing is UNKNOWN, never a failure.

    Sources: the venue's error-code page and matching-engine page (docs/venue.md, "Answers").
    """
    text = answer.error or answer.status or f"HTTP {answer.http_status}"
    if answer.order_id and answer.order_id.lower() != sent.order_hash:
        wrong = f"expected order id {sent.order_hash}, received {answer.order_id}"
        return SubmitOutcome(SubmitKind.FAULT, None, wrong)
    if answer.http_status == 200:
        return _classify_success(answer, sent, text)
    if answer.http_status == 400 and "Duplicated" in answer.error:
        return SubmitOutcome(SubmitKind.KNOWN_TO_VENUE, None, text)
    if answer.http_status in _NOT_NOW or answer.error == _SAFE_TO_RESUBMIT:
        return _not_now(answer, text)
    if _is_refusal(answer) and not sent.had_unknown:
        return _classify_rejection(answer, text)
    return SubmitOutcome(SubmitKind.UNKNOWN, None, text, trouble=_trouble_of(answer))


def _not_now(answer: SubmitAnswer, text: str) -> SubmitOutcome:
    return SubmitOutcome(
        SubmitKind.NOT_NOW,
        None,
        text,
        retry_after_s=answer.retry_after_s,
        mode=_mode_of(answer),
    )


def _mode_of(answer: SubmitAnswer) -> VenueMode | None:
    """Return what the venue does instead of working orders; None: it turned away this one only."""
    if answer.http_status == 425:
        return VenueMode.RESTARTING
    if answer.http_status == 429:
        return VenueMode.RATE_LIMITED
    error = answer.error.lower()
    otherwise = VenueMode.DISABLED if answer.http_status == 503 else None
    return next((mode for words, mode in _MODES if words in error), otherwise)


def _trouble_of(answer: SubmitAnswer) -> Trouble | None:
    """Return what a refusal says about us; source: the venue's error-code page."""
    if answer.http_status == 401:
        return Trouble.CREDENTIALS
    if answer.http_status == 403:
        return Trouble.REGION
    return trouble_in(answer.error) if answer.http_status == 400 else None


def _classify_success(answer: SubmitAnswer, sent: Submission, text: str) -> SubmitOutcome:
    if not answer.order_id:
        return _classify_leg_error(answer, sent, text)
    state = _state_of(answer, sent)
    if answer.error or state is None:
        return SubmitOutcome(SubmitKind.KNOWN_TO_VENUE, None, text)
    return SubmitOutcome(SubmitKind.ACCEPTED, state, text, answer.size_matched)


def _is_refusal(answer: SubmitAnswer) -> bool:
    if answer.http_status == 404:
        return any(words in answer.error.lower() for words in _NOTHING_TO_TRADE)
    proves_nothing = any(words in answer.error for words in _PROVES_NOTHING)
    return answer.http_status in _FINAL and not proves_nothing


def _classify_leg_error(answer: SubmitAnswer, sent: Submission, text: str) -> SubmitOutcome:
    """A leg refused in post-only mode comes as 200 with an error and without an id."""
    if _POST_ONLY_MODE in answer.error and not sent.had_unknown:
        return _not_now(answer, text)
    return SubmitOutcome(SubmitKind.UNKNOWN, None, text)


def _state_of(answer: SubmitAnswer, sent: Submission) -> OrderState | None:
    """Return the state a status proves; None for "unmatched", which may rest or be off the book."""
    match answer.status.lower():
        case "live":
            return OrderState.LIVE
        case "delayed":
            return OrderState.DELAYED
        case "matched" if answer.size_matched >= sent.size:
            return OrderState.MATCHED
        case "matched" if answer.size_matched > 0:
            return OrderState.PARTIAL if sent.order_type.rests else OrderState.CANCELLED
        case _:
            return None


def _classify_rejection(answer: SubmitAnswer, text: str) -> SubmitOutcome:
    """A killed FAK or FOK was booked and died; any other refusal never was an order."""
    killed = any(words in answer.error for words in _KILLED)
    state = OrderState.CANCELLED if killed else OrderState.REJECTED
    return SubmitOutcome(SubmitKind.REJECTED, state, text, trouble=_trouble_of(answer))
