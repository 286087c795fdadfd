"""The wallet is emptied behind our back: stale rows halt nothing, missing money does."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from reconcile_report import answer_reckoning, reconcile
from settings import Settings
from tests.chaos.crash_nursery import Child
from tests.chaos.crash_points import Rests
from tests.chaos.crash_scene import Scene
from tests.chaos.crash_stage import Lane, Rows
from tests.end_to_end.operator_acts import begin
from trading.rules import ReconcileRules

WHALE = 7_100
STALE_S = 20.0
SHARE = "0.01"
RULES = ReconcileRules()
LATEST_S = (RULES.balances_every + RULES.lasts).total_seconds() + 15.0  # 75 s, and a busy machine


def settings_of(lane: Lane) -> Settings:
    return Settings(
        home=lane.home,
        database_url=lane.env["DATABASE_URL"],
        clob_url=lane.env["WHALECOPY_CLOB_URL"],
        data_url=lane.env["WHALECOPY_DATA_URL"],
    )


async def halts(lane: Lane) -> Rows:
    return await lane.rows("SELECT scope, key, reason FROM halts")


@pytest.mark.acceptance
async def test_a_drained_wallet_halts_entries_and_stale_rows_do_not(lanes: Sequence[Lane]) -> None:
    lane = lanes[-1]
    scene = Scene(lane, WHALE)
    workers: list[Child] = []
    try:
        await begin(scene, Rests.NO, workers)
        await lane.venue.plan_faults({"at": "data_api", "fault": "stale", "delay_s": 3600})
        await asyncio.sleep(STALE_S)
        assert await halts(lane) == []
        assert await lane.rows("SELECT * FROM differences") == []
        assert (await reconcile(settings_of(lane))).is_equal
        took_s = await _drain(lane)
        assert took_s <= LATEST_S
        (halt,) = await halts(lane)
        assert (halt["scope"], halt["key"]) == ("WALLET", lane.wallet)
        found = await reconcile(settings_of(lane))
        assert not found.is_equal
        assert "cash" in answer_reckoning(found).as_text()
        reviews = await lane.rows("SELECT kind, severity FROM reviews WHERE resolved_at IS NULL")
        assert [(row["kind"], row["severity"]) for row in reviews] == [("BOOKS_DIFFER", "ERROR")]
    finally:
        await lane.venue.plan_faults()
        await lane.do("DELETE FROM halts")
        for worker in workers:
            await worker.kill()


async def _drain(lane: Lane) -> float:
    """Take a hundredth of the cash; return after how many seconds entries were halted."""
    rule = {"at": "account", "fault": "drain", "text": lane.wallet, "size_share": SHARE}
    await lane.venue.plan_faults(rule)
    drained = time.monotonic()
    while not await halts(lane):
        assert time.monotonic() - drained <= LATEST_S, "expected a halt"
        await asyncio.sleep(0.5)
    return time.monotonic() - drained
