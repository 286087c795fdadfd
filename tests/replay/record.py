"""Records the histories that a changed workflow must still replay: `python -m tests.replay.record`.

Run it with the name of a recorder after adding one below. Once a version is in use, what was
recorded stays as it is: it stands for workflows that are still running somewhere.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from embedded.ports import free_port
from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEvent
from embedded.temporal import TemporalPorts, temporal_service
from embedded.temporal_client import NamespaceNeeds, prepare_namespace
from storage.migrate import migrate
from tests.activities.desk import held
from tests.fakes import Answer
from tests.workflows.hall import Hall, Owner, Trade, open_hall, until
from trading.types import ExitReason, ExitRequest, LevelChange, OrderType, Price, Side
from workflows.names import SEARCH_ATTRIBUTES
from workflows.position import PositionWorkflow

HISTORIES = Path(__file__).parent / "histories"
CLOSE = ExitRequest(ExitReason.OPERATOR, who="ann", why="enough")
NOISE = {
    "identity",
    "stackTrace",
    "binaryChecksum",
    "workerVersion",
    "sdkMetadata",
    "meteringMetadata",
}


@dataclass(slots=True)
class Shelf:
    """Where histories are put, and which there are already."""

    folder: Path = HISTORIES

    async def put(self, name: str, handle: Trade | Owner) -> None:
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


RECORDERS = (record_filled, record_no, record_partial, record_cancelled)


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
