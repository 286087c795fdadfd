"""Overrules positions: sells them, moves their levels, holds and releases them."""

from collections.abc import Mapping
from dataclasses import dataclass

from activities.records import Command, ShareCommand
from answers import ID_SHOWN, Answer
from inquire import InquireError, find_signal, open_records
from position_command import ClosePosition, PositionAsk, SetLevels
from storage.audit import find_signals
from storage.port import PositionRecord
from storage.postgres import PostgresStore
from telling import Message, OperatedStack, connect, tell
from trading.types import LevelChange, Price, SignalId
from workflows import names

SHOWN = "whalecopy positions"
TO_THE_FLOOR = "; it is not sold below the floor, unless --lowest PRICE says how far"


@dataclass(frozen=True, slots=True)
class Told:
    """What a position's owner was asked, and how that is written."""

    update: str
    content: Command | ShareCommand | LevelChange
    words: str
    found: Mapping[str, object]
    remark: str = ""


async def oversee(settings: OperatedStack, ask: PositionAsk) -> Answer:
    """Ask a position's owner for something; accepted, it is not yet done.

    Raises:
        InquireError: there is no such position, or it was refused; nothing was done.
    """
    async with open_records(settings) as store:
        position = await find_position(store, ask.position)
    match ask:
        case ClosePosition():
            return await _tell(settings, position, _close(ask))
        case SetLevels():
            return await _tell(settings, position, _levels(ask))


async def hold_or_release(
    settings: OperatedStack, position: PositionRecord, update: str, command: Command
) -> Answer:
    """Hold a position, so that no automatic exit of it begins, or release it.

    Raises:
        InquireError: it was refused; nothing was done.
    """
    return await _tell(settings, position, Told(update, command, update, {}))


async def find_subject(store: PostgresStore, beginning: str) -> SignalId | PositionRecord:
    """Return the one signal or position whose id is, or begins, so.

    Raises:
        InquireError: there is none, or more than one.
    """
    found = await store.find_positions(beginning, limit=2) if beginning else ()
    if not found:
        return await find_signal(store, beginning)
    if await find_signals(store, beginning, limit=1):
        raise InquireError(f"a signal and a position begin with {beginning!r}: give more of the id")
    return await find_position(store, beginning)


async def find_position(store: PostgresStore, beginning: str) -> PositionRecord:
    """Return the one position whose id is, or begins, so.

    Raises:
        InquireError: there is none, or more than one.
    """
    found = await store.find_positions(beginning, limit=2) if beginning else ()
    exact = [record for record in found if record.position_id == beginning] or found
    if not exact:
        why = f"found none like {beginning!r}: see `{SHOWN}`"
        raise InquireError(f"expected the beginning of a position's id, {why}")
    if len(exact) > 1:
        raise InquireError(f"more than one position begins with {beginning!r}: give more of its id")
    return exact[0]


def _close(ask: ClosePosition) -> Told:
    found = {"share": ask.share, "lowest": ask.lowest}
    if ask.share == 1 and ask.lowest is None:
        return Told(names.CLOSE, Command(ask.who, ask.why), names.CLOSE, found, TO_THE_FLOOR)
    lowest = None if ask.lowest is None else Price(ask.lowest)
    content = ShareCommand(ask.who, ask.why, ask.share, lowest)
    down_to = "" if lowest is None else f" down to {lowest:f}"
    remark = TO_THE_FLOOR if lowest is None else ""
    return Told(names.CLOSE_SHARE, content, f"close {ask.share:f}{down_to}", found, remark)


def _levels(ask: SetLevels) -> Told:
    levels = {"stop": ask.stop, "target": ask.target, "trailing": ask.trailing}
    given = {name: price for name, price in levels.items() if price is not None}
    if not given:
        raise InquireError("expected --stop, --target or --trailing, received none")
    content = LevelChange(
        ask.who,
        ask.why,
        stop_loss_price=None if ask.stop is None else Price(ask.stop),
        take_profit_price=None if ask.target is None else Price(ask.target),
        trailing_stop_price=None if ask.trailing is None else Price(ask.trailing),
    )
    spelled = {name: f"{price:f}" if price else "off" for name, price in given.items()}
    words = ", ".join(f"{name} {price}" for name, price in spelled.items())
    return Told(names.SET_LEVELS, content, f"levels ({words})", spelled)


async def _tell(settings: OperatedStack, position: PositionRecord, told: Told) -> Answer:
    position_id = position.position_id
    if position.state.is_over:
        raise InquireError(f"position {position_id} is over: {position.state}")
    message = Message(
        names.position_workflow_id(position_id),
        told.update,
        told.content,
        f"{told.words} of position {position_id}",
    )
    client = await connect(settings)

    def not_running(words: str) -> str:
        runs = f"no owner of position {position_id} runs, Temporal says {words!r}"
        return f"{runs}; while a stack runs it gets another one within seconds: try again"

    await tell(client, message, not_running)
    found = {
        "position_id": position_id,
        "command": told.update,
        "who": told.content.who,
        "why": told.content.why,
        **told.found,
        "accepted": True,
    }
    follow = f"see `{SHOWN}`{told.remark}"
    return Answer(
        found, f"{told.words} of position {position_id[:ID_SHOWN]}… is accepted: {follow}"
    )
