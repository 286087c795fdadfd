"""A whale merges half of what it holds, and the whole stack sells half of its lot."""

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.a_run import POLL_S, READY_S, TIMEOUT, Orders, Run
from tests.end_to_end.merge_tape import BOUGHT, SPEED, WHALE, write_merge_tape
from tests.end_to_end.test_replay import assert_balanced

pytestmark = pytest.mark.acceptance


async def merge(run: Run, condition_id: str, size: int) -> None:
    """Let the whale give up full sets, as a person would script it."""
    body = {"wallet": WHALE, "type": "MERGE", "condition_id": condition_id, "size": size}
    url = f"{run.venue_url}/_paper/moves"
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.post(url, json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def ordered(run: Run, count: int) -> Orders:
    """Wait for so many orders while the market is open."""
    while not run.is_over and "stopping" not in run.told():
        with contextlib.suppress(aiohttp.ClientError):
            if len(orders := await run.orders()) >= count:
                return orders
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"expected {count} orders\n{run.explain()}")


async def test_a_whale_that_merges_half_takes_half_of_our_lot_along(folder: Path) -> None:
    tape = write_merge_tape(folder / "merge.tape")
    run = Run(folder / "merge", "--tape", str(tape), "--speed", str(SPEED))
    try:
        await run.until_playing()
        (entry,) = await run.until_ordered()
        assert entry["side"] == "BUY"
        await run.until(lambda: "FILLED" in run.told(), READY_S, "our lot")
        await merge(run, entry["condition_id"], BOUGHT // 2)
        _, sale = await ordered(run, 2)
        ended = await run.ended(READY_S * 2)
    finally:
        run.stop()
    assert sale["side"] == "SELL", ended.told
    half = Decimal(entry["matched"]) / 2
    assert abs(Decimal(sale["size"]) - half) <= Decimal("0.01"), ended.told
    assert_balanced(ended)
