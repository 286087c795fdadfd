"""Does what a person asks for: resolves reviews, and tells running trades what to do."""

from datetime import UTC, datetime
from typing import assert_never

from activities.records import Command
from answers import Answer
from command import (
    ON_POSITIONS,
    Ask,
    ClearHalt,
    ListHalts,
    ListReviews,
    ResolveReview,
    ShowReview,
    TellTrade,
    TradeCommand,
)
from inquire import InquireError, find_signal, open_records
from oversee import find_subject, hold_or_release, oversee
from position_command import ClosePosition, SetLevels
from review_answers import (
    answer_cleared,
    answer_command,
    answer_halts,
    answer_resolved,
    answer_review,
    answer_reviews,
)
from storage.clearing import Clearance, lift_halt, list_halts
from storage.port import PositionRecord, StoredSignal
from storage.postgres import PostgresStore
from storage.replays import NotResolved, Verdict
from storage.reviews import prove_now
from telling import Message, OperatedStack, connect, tell
from workflows import names

REVIEWS_MAX = 500
UPDATES = {
    TradeCommand.CANCEL: names.CANCEL,
    TradeCommand.HOLD: names.HOLD,
    TradeCommand.RELEASE: names.RELEASE,
    TradeCommand.STOP: names.STOP_RETRYING,
}


async def operate(settings: OperatedStack, ask: Ask) -> Answer:
    """Do what was asked for.

    Raises:
        InquireError: no stack runs, there is no such thing, or it was refused; nothing was done.
    """
    match ask:
        case TellTrade():
            return await _tell(settings, ask)
        case ClosePosition() | SetLevels():
            return await oversee(settings, ask)
        case ListReviews() | ShowReview() | ResolveReview():
            async with open_records(settings) as store:
                return await _review(store, ask)
        case ListHalts():
            async with open_records(settings) as store:
                return answer_halts(await list_halts(store))
        case ClearHalt():
            async with open_records(settings) as store:
                return await _clear(store, ask)
    assert_never(ask)


async def _review(store: PostgresStore, ask: ListReviews | ShowReview | ResolveReview) -> Answer:
    match ask:
        case ListReviews():
            found = await store.list_reviews(open_only=ask.open_only, limit=REVIEWS_MAX)
            return answer_reviews(found, open_only=ask.open_only)
        case ShowReview():
            return await _show(store, ask.review_id)
        case ResolveReview():
            return await _resolve(store, ask)
    assert_never(ask)


async def _show(store: PostgresStore, review_id: int) -> Answer:
    stored = await store.load_review(review_id)
    if stored is None:
        raise InquireError(f"expected the number of a review, found none with {review_id}")
    return answer_review(stored, await prove_now(store, stored.review))


async def _resolve(store: PostgresStore, ask: ResolveReview) -> Answer:
    verdict = Verdict(ask.who, ask.note, clears_halt=ask.clears_halt, replays=ask.replays)
    outcome = await store.resolve_with(ask.review_id, verdict, datetime.now(UTC))
    if isinstance(outcome, NotResolved):
        raise InquireError(f"review {ask.review_id} is not resolved: {outcome.why}")
    return answer_resolved(outcome, asked_to_clear=ask.clears_halt)


async def _clear(store: PostgresStore, ask: ClearHalt) -> Answer:
    found = [h for h in await list_halts(store) if h.key.startswith(ask.halt.lower())]
    if len(found) != 1:
        count = "none" if not found else f"{len(found)}: give more of its key"
        raise InquireError(f"expected one halt whose key begins {ask.halt!r}, found {count}")
    (halt,) = found
    clearance = Clearance(ask.who, ask.why)
    why_not = await lift_halt(store, halt.scope, halt.key, clearance, datetime.now(UTC))
    if why_not is not None:
        raise InquireError(f"the halt of {halt.key} is not cleared: {why_not}")
    return answer_cleared(halt, clearance)


async def _tell(settings: OperatedStack, ask: TellTrade) -> Answer:
    command = Command(ask.who, ask.why)
    async with open_records(settings) as store:
        about_position = ask.command in ON_POSITIONS
        find = find_subject if about_position else find_signal
        found = await find(store, ask.signal)
        stored = None if isinstance(found, PositionRecord) else await store.load_signal(found)
    if isinstance(found, PositionRecord):
        return await hold_or_release(settings, found, UPDATES[ask.command], command)
    assert stored is not None, f"expected signal {found} to stay"
    message = Message(
        names.copy_trade_id(found),
        UPDATES[ask.command],
        command,
        f"{ask.command} of signal {found}",
    )
    await tell(await connect(settings), message, lambda words: _not_running(stored, words))
    return answer_command(found, ask.command, command)


def _not_running(stored: StoredSignal, words: str) -> str:
    if stored.state.is_terminal:
        return f"signal {stored.signal.signal_id} has ended: {stored.state}"
    runs = f"no trade of signal {stored.signal.signal_id} runs"
    return f"{runs}: the signal is {stored.state}, Temporal says {words!r}"
