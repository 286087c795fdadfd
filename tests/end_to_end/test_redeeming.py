"""Markets that end are redeemed by ourselves, once each, and every cent is where it belongs."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from activities.records import Command
from paper.model import MICROS, Side
from tests.end_to_end.a_run import Ended, Run
from tests.end_to_end.records import OWNERS, Records
from tests.end_to_end.still_tape import (
    NEG_RISK,
    SPEED,
    STANDARD,
    WISHES,
    Ends,
    write_still_tape,
)
from tests.end_to_end.test_replay import assert_balanced

pytestmark = pytest.mark.acceptance  # its short twin is tests/exchange/test_redeemer.py
WHOLE_TAPE_S = 3_600.0
LOOK_EVERY_S = 0.5  # for new positions, each of which lives for seconds
OURSELVES = ("--no-auto-redeem",)
HALF = MICROS // 2
# A void market, a negative-risk one that No wins, and one of Protocol V2 that Yes wins.
ENDS = Ends(
    payouts={STANDARD: (HALF, HALF), NEG_RISK: (0, MICROS)},
    wishes=[wish for wish in WISHES if wish.side is Side.BUY],
)


@dataclass(frozen=True)
class Redeemed:
    """What the venue's own file says of our redemptions after a run."""

    transactions: Sequence[Any]
    redemptions: Sequence[Any]  # of our wallet, those that paid
    held: Sequence[Any]  # tokens that are left in our wallet and worth something
    voids: frozenset[str]  # markets that pay both outcomes a half

    @property
    def markets(self) -> frozenset[str]:
        """Return the markets that paid us."""
        return frozenset(one["condition_id"] for one in self.redemptions)


def read_venue(home: Path) -> Redeemed:
    funder = json.loads((home / "api-user.json").read_text())["funder"]
    file = sqlite3.connect(home / "paper" / "venue.db")
    try:
        bodies = {
            table: [json.loads(body) for (body,) in file.execute(f"SELECT body FROM {table}")]
            for table in ("transactions", "redemptions", "listings")
        }
        balances = file.execute("SELECT account, asset, micros FROM balances").fetchall()
    finally:
        file.close()
    markets = [listing["market"] for listing in bodies["listings"]]
    worth = {
        token_id
        for market in markets
        for token_id, payout in zip(market["token_ids"], market["payouts"] or (), strict=False)
        if payout
    }
    ours = [one for one in bodies["redemptions"] if one["wallet"].lower() == funder]
    return Redeemed(
        transactions=bodies["transactions"],
        redemptions=[one for one in ours if one["payout"]],
        held=[row for row in balances if row[0].lower() == funder and row[1] in worth and row[2]],
        voids=frozenset(m["condition_id"] for m in markets if m["payouts"] == [HALF, HALF]),
    )


def assert_void_paid_half(found: Redeemed) -> None:
    """Assert that a void market paid us half a dollar for each share."""
    paid = [one for one in found.redemptions if one["condition_id"] in found.voids]
    assert paid, found
    assert all(one["payout"] == one["size"] * HALF // MICROS for one in paid), paid


def assert_redeemed(ended: Ended, home: Path) -> Redeemed:
    """Assert that all that was worth something was redeemed, by one transaction a market."""
    assert_balanced(ended)
    found = read_venue(home)
    assert found.held == [], ended.told
    assert {one["stage"] for one in found.transactions} <= {"STATE_MINED", "STATE_CONFIRMED"}
    by_market = {(one["condition_id"], one["transaction_hash"]) for one in found.redemptions}
    assert len(by_market) == len({condition_id for condition_id, _ in by_market}), ended.told
    sent = {one["transaction_hash"] for one in found.transactions}
    assert {name for _, name in by_market} <= sent, ended.told
    return found


async def play(
    home: Path,
    *words: str,
    beside: Callable[[Run], Coroutine[None, None, None]] | None = None,
    **env: str,
) -> Ended:
    run = Run(home, *words, env=env)
    person = None if beside is None else asyncio.create_task(beside(run))
    try:
        return await run.ended(WHOLE_TAPE_S)
    finally:
        run.stop()
        if person is not None:
            person.cancel()


@pytest.mark.parametrize("signature_type", ["3", "0"])
async def test_won_and_void_markets_are_redeemed_once_each(
    folder: Path, signature_type: str
) -> None:
    tape = write_still_tape(folder / "ends.tape", ENDS)
    home = folder / f"redeem-{signature_type}"
    words = (*OURSELVES, "--tape", str(tape), "--speed", str(SPEED))
    ended = await play(home, *words, WHALECOPY_SIGNATURE_TYPE=signature_type)
    found = assert_redeemed(ended, home)
    assert len(found.markets) >= 2, ended.told
    assert_void_paid_half(found)


async def test_what_the_platform_redeems_is_booked_a_void_market_too(folder: Path) -> None:
    tape = write_still_tape(folder / "ends.tape", ENDS)
    home = folder / "redeem-platform"
    ended = await play(home, "--tape", str(tape), "--speed", str(SPEED))
    assert_balanced(ended)
    found = read_venue(home)
    assert found.held == [], ended.told
    assert_void_paid_half(found)


async def hold_all(run: Run) -> None:
    """Hold every position as it comes, so that what it is worth in the end is what it brings."""
    await run.until_playing()
    records = await Records.of(run.temporal_address)
    held: set[str] = set()
    while not run.is_over:
        for owner in await records.find(OWNERS) - held:
            with contextlib.suppress(RPCError, WorkflowUpdateFailedError):  # it may have ended
                await records.hold(owner, Command("test", "keep it until it is resolved"))
            held.add(owner)
        await asyncio.sleep(LOOK_EVERY_S)


async def test_every_market_of_the_shipped_tape_is_redeemed(folder: Path) -> None:
    home = folder / "redeem-all"
    ended = await play(home, *OURSELVES, "--speed", "20", beside=hold_all)
    assert len(assert_redeemed(ended, home).markets) >= 3, ended.told
