"""What people asked of workflows is kept once."""

from sqlalchemy import select

from activities.records import Command, Note
from storage.tables import events
from tests.activities.desk import SIGNAL, Desk
from trading.types import PositionId


async def test_a_command_is_kept_once_with_who_and_why(desk: Desk) -> None:
    note = Note("copy-trade/s1/u1", "stop_retrying", Command("ann", "enough"), SIGNAL)
    for _ in range(2):
        await desk.commands.note_command(note)
    async with desk.store.transaction() as connection:
        (row,) = (await connection.execute(select(events))).mappings().all()
    assert (row["type"], row["severity"]) == ("trade_stop_retrying", "INFO")
    assert row["title"] == "ann asked to stop retrying: enough"
    assert row["ids"] == {"signal_id": SIGNAL, "key": note.key}
    assert row["metadata"] == {"who": "ann", "why": "enough"}


async def test_a_refused_cancel_of_a_position_is_kept_once_per_run(desk: Desk) -> None:
    for key in ("p1/r1", "p1/r1", "p1/r2"):
        await desk.commands.note_refused_cancel(key, PositionId("p1"))
    assert await desk.events() == ["position_cancel_refused"] * 2
