"""Does what a person asks for: resolves reviews, and tells running trades what to do."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol, assert_never

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.records import Command
from answers import Answer
from command import (
    Ask,
    ClearHalt,
    ListHalts,
    ListReviews,
    ResolveReview,
    ShowReview,
    TellTrade,
    TradeCommand,
)
from embedded.addresses import load_addresses
from inquire import InquireError, Stack, find_signal, open_records
from review_answers import (
    answer_cleared,
    answer_command,
    answer_halts,
    answer_resolved,
    answer_review,
    answer_reviews,
)
from storage.clearing import Clearance, lift_halt, list_halts
from storage.port import StoredSignal
from storage.postgres import PostgresStore
from storage.replays import NotResolved, Verdict
from storage.reviews import prove_now
from workflows import names

REVIEWS_MAX = 500
CONNECT_TIMEOUT_S = 10.0
UPDATE_TIMEOUT = timedelta(seconds=10)
UPDATES = {
    TradeCommand.CANCEL: names.CANCEL,
    TradeCommand.HOLD: names.HOLD,
    TradeCommand.RELEASE: names.RELEASE,
    TradeCommand.STOP: names.STOP_RETRYING,
}


class OperatedStack(Stack, Protocol):
    """A stack whose trades can be told something."""

    @property
    def temporal_address(self) -> str:
        """Return Temporal's host and port, "" for the embedded one."""

    @property
    def temporal_namespace(self) -> str:
        """Return the namespace of its workflows."""


async def operate(settings: OperatedStack, ask: Ask) -> Answer:
    """Do what was asked for.

    Raises:
        InquireError: no stack runs, there is no such thing, or it was refused; nothing was done.
    """
    match ask:
        case TellTrade():
            return await _tell(settings, ask)
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
    async with open_records(settings) as store:
        signal_id = await find_signal(store, ask.signal)
        stored = await store.load_signal(signal_id)
    assert stored is not None, f"expected signal {signal_id} to stay"
    client = await _connect(settings)
    command = Command(ask.who, ask.why)
    await _update(client, stored, ask.command, command)
    return answer_command(signal_id, ask.command, command)


async def _connect(settings: OperatedStack) -> Client:
    address = _temporal_of(settings)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await Client.connect(
                address,
                namespace=settings.temporal_namespace,
                data_converter=pydantic_data_converter,
            )
    except (RuntimeError, RPCError, TimeoutError) as error:
        raise InquireError(f"Temporal at {address} does not answer: {error}") from error


def _temporal_of(settings: OperatedStack) -> str:
    if settings.temporal_address:
        return settings.temporal_address
    addresses = load_addresses(settings.home)
    if addresses is None or not addresses.temporal_address:
        raise InquireError(
            f"no stack runs on {settings.home}: set WHALECOPY_HOME or TEMPORAL_ADDRESS"
        )
    return addresses.temporal_address


async def _update(
    client: Client, stored: StoredSignal, name: TradeCommand, command: Command
) -> None:
    signal_id = stored.signal.signal_id
    trade = client.get_workflow_handle(names.copy_trade_id(signal_id))
    try:
        await trade.execute_update(UPDATES[name], command, rpc_timeout=UPDATE_TIMEOUT)
    except WorkflowUpdateFailedError as error:
        raise InquireError(
            f"{name} of signal {signal_id} is refused: {_words_of(error)}"
        ) from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise InquireError(_unanswered(stored, name)) from error
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise InquireError(f"Temporal refused {name} of {signal_id}: {error}") from error
        raise InquireError(_not_running(stored, error.message)) from error


def _words_of(error: WorkflowUpdateFailedError) -> str:
    """Return what the workflow said, without the kind of its error."""
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause)


def _unanswered(stored: StoredSignal, name: TradeCommand) -> str:
    """Say that the command may still be taken: a worker that comes back finds it."""
    return (
        f"no worker took {name} of signal {stored.signal.signal_id} within "
        f"{UPDATE_TIMEOUT.seconds} s; it may still be taken"
    )


def _not_running(stored: StoredSignal, words: str) -> str:
    if stored.state.is_terminal:
        return f"signal {stored.signal.signal_id} has ended: {stored.state}"
    runs = f"no trade of signal {stored.signal.signal_id} runs"
    return f"{runs}: the signal is {stored.state}, Temporal says {words!r}"
