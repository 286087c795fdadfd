"""Records the histories that a changed workflow must still replay: `python -m tests.replay.record`.

Run it with the name of a recorder after adding one below. Once a version is in use, what was
recorded stays as it is: it stands for workflows that are still running somewhere.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.guard import GuardReview, KillOrder, OverrideOrder
from activities.records import Command, ShareCommand
from embedded.ports import free_port
from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEvent
from embedded.temporal import TemporalPorts, temporal_service
from embedded.temporal_client import NamespaceNeeds, prepare_namespace
from exchange.port import WireError
from storage.migrate import migrate
from storage.whale_port import Word
from tests.activities.desk import held
from tests.fakes import Answer
from tests.storage.builders import whale
from tests.whale_history import closed
from tests.workflows.hall import (
    Guard,
    Hall,
    Owner,
    Reconciliation,
    Scoring,
    Trade,
    open_hall,
    until,
)
from trading.breakers import Breaker
from trading.scoring import ScoreRequest
from trading.types import (
    ExitReason,
    ExitRequest,
    LevelChange,
    OrderType,
    PositionState,
    Price,
    Side,
    SignalId,
    Wallet,
)
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow
from workflows.names import SEARCH_ATTRIBUTES
from workflows.position import PositionWorkflow

HISTORIES = Path(__file__).parent / "histories"
ASKED = Command("ann", "because")
CLOSE = ExitRequest(ExitReason.OPERATOR, who="ann", why="enough")
NOISE = {
    "identity",
    "stackTrace",
    "binaryChecksum",
    "workerVersion",
    "meteringMetadata",
}


@dataclass(slots=True)
class Shelf:
    """Where histories are put, and which there are already."""

    folder: Path = HISTORIES

    async def put(
        self, name: str, handle: Trade | Owner | Reconciliation | Guard | Scoring
    ) -> None:
        """Keep a history as compact JSON, without what names this machine."""
        history = json.loads((await handle.fetch_history()).to_json())
        self.folder.mkdir(exist_ok=True)
        text = json.dumps(_without_noise(history), separators=(",", ":"), sort_keys=True)
        (self.folder / f"{name}.json").write_text(text + "\n")


def _without_noise(part: object) -> object:
    if isinstance(part, dict):
        if part.get("kind") == "TASK_QUEUE_KIND_STICKY":  # named for the worker's process
            return {"kind": part["kind"], "name": "sticky"}
        return {key: _without_noise(kept) for key, kept in part.items() if key not in NOISE}
    if isinstance(part, list):
        return [_without_noise(kept) for kept in part]
    return part


async def record_filled(hall: Hall, shelf: Shelf) -> None:
    """A copy, two who ask its position to go, one of them a whale."""
    trade = await hall.start()
    await trade.result()
    await shelf.put("copy-trade-filled", trade)
    position = await held(hall.desk)
    assert position is not None
    mirror = await hall.start("out", Side.SELL)
    await mirror.result()
    await shelf.put("copy-trade-mirrored", mirror)
    owner = hall.owner(position.position_id)
    await owner.result()
    await shelf.put("position-closed", owner)


async def record_no(hall: Hall, shelf: Shelf) -> None:
    """Refused by us, and by the venue."""
    hall.desk.venue.quote("0.40", "0.51")
    refused = await hall.start("no")
    await refused.result()
    await shelf.put("copy-trade-filtered", refused)
    hall.desk.venue.quote("0.50", "0.51")
    hall.desk.venue.answer_with(Answer.REJECT)
    rejected = await hall.start("rejected")
    await rejected.result()
    await shelf.put("copy-trade-rejected", rejected)


async def record_partial(hall: Hall, shelf: Shelf) -> None:
    """Half a fill, its remainders, then the resolution."""
    hall.desk.venue.script.matched_share = Decimal("0.5")
    hall.desk.venue.answer_with(Answer.LOST_AFTER, Answer.KILL, Answer.KILL)
    trade = await hall.start()
    await trade.result()
    await shelf.put("copy-trade-partial", trade)
    position = await held(hall.desk)
    assert position is not None
    owner = hall.owner(position.position_id)
    change = LevelChange("ann", "news", stop_loss_price=Price(Decimal("0.10")))
    await owner.execute_update(PositionWorkflow.set_levels, change)
    hall.desk.venue.resolve("1", "0")
    await owner.signal(PositionWorkflow.fills_changed)
    await owner.result()
    await shelf.put("position-redeemed", owner)


async def record_cancelled(hall: Hall, shelf: Shelf) -> None:
    """A resting order cancelled by a person with a part filled; the part is then sold in tries."""
    hall.desk.rules = hall.desk.rules.with_entry_order_type(OrderType.GTC)
    hall.desk.venue.answer_with(Answer.LIVE)
    trade = await hall.start()

    async def is_posted() -> bool:
        return bool(hall.desk.venue.orders)

    await until(is_posted)
    hall.desk.venue.fill(hall.desk.venue.posts[0], "0.5")
    await trade.cancel()
    await trade.result()
    await shelf.put("copy-trade-cancelled", trade)
    position = await held(hall.desk)
    assert position is not None
    hall.desk.venue.answer_with(*[Answer.KILL] * 4)
    owner = hall.owner(position.position_id)
    await owner.signal(PositionWorkflow.request_exit, CLOSE)
    await owner.result()
    await shelf.put("position-tried-again", owner)


async def record_held(hall: Hall, shelf: Shelf) -> None:
    """Held before it could send anything, and released."""
    held_trade = await hall.start_held(ASKED)

    async def waits() -> bool:
        history = await held_trade.fetch_history()
        return any(e.HasField("timer_started_event_attributes") for e in history.events)

    await until(waits)
    await held_trade.execute_update(CopyTradeWorkflow.release, ASKED)
    await held_trade.result()
    await shelf.put("copy-trade-held", held_trade)


async def record_stopped(hall: Hall, shelf: Shelf) -> None:
    """Told to stop retrying while its first order is sent, of which a part is filled."""
    hall.desk.venue.script.matched_share = Decimal("0.5")
    stopped = await hall.start_while_posting(names.STOP_RETRYING, ASKED)
    await stopped.result()
    await shelf.put("copy-trade-stopped", stopped)


async def record_cancelled_by_command(hall: Hall, shelf: Shelf) -> None:
    """Cancelled by command, and from Temporal too while the clean-up is under way."""
    trade = await _resting(hall)
    hall.desk.venue.fill(hall.desk.venue.posts[0], "0.5")
    hall.desk.venue.script.is_away = True
    await trade.execute_update(CopyTradeWorkflow.cancel, ASKED)
    await trade.cancel()
    hall.desk.venue.script.is_away = False
    await trade.result()
    await shelf.put("copy-trade-cancelled-by-command", trade)


async def record_cancelled_in_temporal(hall: Hall, shelf: Shelf) -> None:
    """Cancelled from Temporal alone, by the code that shields the clean-up."""
    trade = await _resting(hall)
    await trade.cancel()
    await trade.result()
    await shelf.put("copy-trade-cancelled-in-temporal", trade)


async def record_reconciled(hall: Hall, shelf: Shelf) -> None:
    """A trade terminated under our hands, and the run that settles it."""
    sweep = replace(hall.desk.rules.sweep, sweep_for=timedelta(minutes=2), young=timedelta(0))
    hall.desk.rules = replace(hall.desk.rules, sweep=sweep)
    trade = await _resting(hall)
    await hall.desk.store.release_claim(hall.signal_of(trade), "w1")
    await trade.terminate()
    reconciliation = await hall.reconcile()
    await reconciliation.result()
    await shelf.put("reconcile", reconciliation)


async def record_position_cancelled(hall: Hall, shelf: Shelf) -> None:
    """A position whose first owner left an exit's order, and whose second one is cancelled."""
    position = await hall.desk.opened()
    await hall.desk.exit_of(position)
    hall.desk.venue.answer_with(Answer.KILL)
    owner = await hall.own(position.position_id)

    async def has_begun() -> bool:
        return bool((await owner.fetch_history()).events[5:])

    await until(has_begun)
    await owner.cancel()
    await owner.result()
    await shelf.put("position-cancel-refused", owner)


async def record_booked_at_once(hall: Hall, shelf: Shelf) -> None:
    """Half a fill and its remainders, and an exit: each booked by the step that waits for it."""
    hall.desk.venue.script.matched_share = Decimal("0.5")
    hall.desk.venue.answer_with(Answer.LOST_AFTER, Answer.MATCH, Answer.KILL)
    trade = await hall.start()
    await trade.result()
    await shelf.put("copy-trade-partial-booked-at-once", trade)
    position = await held(hall.desk)
    assert position is not None
    hall.desk.venue.script.matched_share = Decimal(1)
    owner = hall.owner(position.position_id)
    await owner.signal(PositionWorkflow.request_exit, CLOSE)
    await owner.result()
    await shelf.put("position-booked-at-once", owner)


async def record_left_at_rest(hall: Hall, shelf: Shelf) -> None:
    """At rest: a whale's half begins after a look, a person's all at once."""
    position = await hall.desk.opened()
    owner = await hall.own(position.position_id)
    signal_id = SignalId("sold")
    await hall.desk.tell(signal_id, Side.SELL)
    asked = ExitRequest(ExitReason.WHALE_EXIT, Decimal("0.5"), signal_id, who="whale")

    async def is_at_rest() -> bool:
        after = await hall.desk.position(position.position_id)
        return after.state is PositionState.OPEN and after.stop_loss_price is not None

    await until(is_at_rest)
    await owner.signal(PositionWorkflow.request_exit, asked)

    async def is_half() -> bool:
        return (await hall.desk.position(position.position_id)).size < position.size

    await until(is_half)
    await asyncio.sleep(2)  # it rests again
    await owner.execute_update(PositionWorkflow.close, ASKED)
    await owner.result()
    await shelf.put("position-left-at-rest", owner)


async def record_overruled(hall: Hall, shelf: Shelf) -> None:
    """Held and released, sold in part, its levels moved, told of late fills, closed."""
    position = await hall.desk.opened()
    owner = await hall.own(position.position_id)
    await owner.execute_update(PositionWorkflow.hold, ASKED)
    await owner.execute_update(PositionWorkflow.release, ASKED)
    half = ShareCommand("ann", "because", Decimal("0.5"))
    await owner.execute_update(PositionWorkflow.close_share, half)

    async def is_half() -> bool:
        after = await hall.desk.position(position.position_id)
        return after.size < position.size and after.state is PositionState.OPEN

    await until(is_half)
    off = LevelChange("ann", "because", trailing_stop_price=Price(Decimal(0)))
    await owner.execute_update(PositionWorkflow.set_levels, off)
    await owner.execute_update(PositionWorkflow.adopt_fills, ASKED)
    await owner.execute_update(PositionWorkflow.close, ASKED)
    await owner.result()
    await shelf.put("position-overruled", owner)


async def record_paged(hall: Hall, shelf: Shelf) -> None:
    """An exit that a whale asked for, during which a person asks; nobody buys for a while."""
    position = await hall.desk.opened()
    hall.desk.venue.quote(None)
    owner = await hall.own(position.position_id)
    signal_id = SignalId("sold")
    await hall.desk.tell(signal_id, Side.SELL)
    asked = ExitRequest(ExitReason.WHALE_EXIT, Decimal("0.5"), signal_id, who="whale")
    await owner.signal(PositionWorkflow.request_exit, asked)

    async def is_paged() -> bool:
        return "exit_stuck" in await hall.desk.events()

    await until(is_paged)
    await owner.execute_update(PositionWorkflow.close, ASKED)
    hall.desk.venue.answer_with(Answer.KILL)
    hall.desk.venue.quote("0.50", "0.51")
    await owner.result()
    await shelf.put("position-paged", owner)


async def record_redeemed(hall: Hall, shelf: Shelf) -> None:
    """Resolved while it is held, its shares redeemed and booked."""
    position = await hall.desk.opened()
    hall.desk.venue.resolve("1", "0")
    owner = await hall.own(position.position_id)
    await owner.result()
    await shelf.put("position-redeemed-once", owner)


async def _resting(hall: Hall) -> Trade:
    hall.desk.rules = hall.desk.rules.with_entry_order_type(OrderType.GTC)
    hall.desk.venue.answer_with(Answer.LIVE)
    trade = await hall.start()

    async def is_posted() -> bool:
        return bool(hall.desk.venue.orders)

    await until(is_posted)
    return trade


async def record_guarded(hall: Hall, shelf: Shelf) -> None:
    """A guard that is told everything it can be told."""
    guard = await hall.guard()
    word = KillOrder("ann", "odd fills")
    lift = OverrideOrder(Breaker.FAILURE_RATE, "ann", "it was the venue")
    await guard.signal(names.HALT, word)
    await guard.execute_update(names.PULL_SWITCH, word, result_type=GuardReview)
    await guard.execute_update(names.OVERRIDE_BREAKER, lift, result_type=str)
    await guard.execute_update(names.RELEASE_SWITCH, word, result_type=GuardReview)
    await guard.signal(names.BREAKERS_CHANGED)

    async def has_looked_again() -> bool:
        told = (await guard.fetch_history()).to_json()
        return told.count("review_breakers") > 1

    await until(has_looked_again)
    await shelf.put("risk-guard", guard)
    await guard.terminate()


async def record_scored(hall: Hall, shelf: Shelf) -> None:
    """More wallets than one step scores; one of them cannot be read."""
    wallets = [Wallet(f"0x{n:040x}") for n in range(1, 22)]
    for wallet in wallets:
        one = replace(whale(), standing=replace(whale().standing, wallet=wallet))
        await hall.desk.store.follow_whale(one, Word("ann", "because", hall.desk.clock()))
        hall.history.positions[wallet] = closed(wallet, 0.7, 20, 1, -40)
    hall.history.failing[wallets[3]] = WireError("no such field")
    scoring = await hall.score(ScoreRequest())
    await scoring.result()
    await shelf.put("score-whales", scoring)


RECORDERS = (
    record_scored,
    record_guarded,
    record_filled,
    record_no,
    record_partial,
    record_cancelled,
    record_held,
    record_stopped,
    record_cancelled_by_command,
    record_cancelled_in_temporal,
    record_reconciled,
    record_position_cancelled,
    record_booked_at_once,
    record_left_at_rest,
    record_overruled,
    record_paged,
    record_redeemed,
)


async def main(wanted: list[str]) -> None:
    """Start the servers and record all, or only what the named recorders record."""
    home = Path(tempfile.mkdtemp(prefix="wc-"))
    (home / "logs").mkdir()
    supervisor = Supervisor(SupervisorSettings(home / "logs"), _hear_nothing)
    await supervisor.open()
    try:
        server = await prepare_postgres(PostgresSettings(home, durable=False))
        await supervisor.start(server.service)
        ports = TemporalPorts(free_port(), free_port())
        await supervisor.start(temporal_service(home, ports, "default"))
        needs = NamespaceNeeds(SEARCH_ATTRIBUTES, None)
        await prepare_namespace(ports.address, "default", needs)
        client = await Client.connect(ports.address, data_converter=pydantic_data_converter)
        for recorder in RECORDERS:
            name = recorder.__name__
            if wanted and name not in wanted:
                continue
            await server.create_database(name)
            await migrate(server.url(name))
            async with open_hall(client, server.url(name)) as hall, hall.worker():
                await recorder(hall, Shelf())
    finally:
        await supervisor.stop()
        shutil.rmtree(home, ignore_errors=True)


def _hear_nothing(event: ProcessEvent) -> None:
    del event


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
