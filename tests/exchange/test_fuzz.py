"""Whatever arrives is read or refused: no exception, no long thought, nothing unknown believed."""

import gc
import json
import os
import random
import sys
import time

import pytest

from exchange.polymarket.chain_gap import ChainGap
from exchange.polymarket.chain_ledger import ChainLedger
from exchange.polymarket.chain_talk import ChainTalk
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.rtds import RtdsCopy, RtdsTalk
from exchange.polymarket.wire import parse, read_json
from exchange.polymarket.wire_clob import OrderRow, TradeRow
from exchange.polymarket.wire_data import ActivityRow, read_data_page
from exchange.port import FillEvent, Quarantined, UnavailableError, WireError
from process import settle_memory
from tests.exchange.chain_logs import log_row
from tests.exchange.samples import WHALE, activity_row, clock
from tests.exchange.sets import Wallets
from trading.types import WhaleFill

QUICK, FULL = 5_000, 1_000_000
WARM_UP = 500
"""Frames not timed: the first deep one grows the stack, the first of a kind loads its reader."""
LIMIT_MS = 50
SEED = int(os.environ.get("FUZZ_SEED", "20261122"))
ODD: list[object] = [
    None, True, -1, 0, 1e300, "", "0x", "NaN", "\ud800", "\0", [], {}, [[]], "9" * 100, 2**70,
    "0x" + "f" * 64, "1e-400", "-0.5", "BUY", {"a": [1]}, "2026-11-22T12:00:00", "7" * 5000,
]  # fmt: skip

MESSAGE: dict[str, object] = {
    "connection_id": "abc",
    "timestamp": 1795348800025,
    "topic": "activity",
    "type": "orders_matched",
    "payload": activity_row(),
}
NOTICE: dict[str, object] = {
    "jsonrpc": "2.0",
    "method": "eth_subscription",
    "params": {"subscription": "0x1", "result": log_row(blockTimestamp="0x6a000000")},
}
HEAD: dict[str, object] = {
    "method": "eth_subscription",
    "params": {"result": {"number": "0x4c4b400", "timestamp": "0x6a000000", "hash": "0xa1"}},
}
ANSWERS: list[dict[str, object]] = [
    {"id": 1, "result": "0xsub"},
    {"id": 3, "result": "0x4c4b400"},
    {"id": 4, "result": [log_row(blockTimestamp="0x6a000000")]},
    {"id": 5, "error": {"code": -32000, "message": "limit exceeded"}},
]
ORDER = json.loads(
    '{"event_type":"order","type":"UPDATE","id":"0x1234","owner":"k","market":"0xdd22",'
    '"asset_id":"7132","side":"BUY","order_type":"GTC","original_size":"100.0","size_matched":"25",'
    '"price":"0.5","status":"LIVE","outcome":"Yes","associate_trades":["t"],"expiration":null,'
    '"created_at":"1703875200000","timestamp":"1703875200500"}'
)
TRADE = json.loads(
    '{"event_type":"trade","type":"TRADE","id":"t","taker_order_id":"0x1234","market":"0xdd22",'
    '"asset_id":"7132","side":"BUY","size":"25.0","price":"0.5","status":"CONFIRMED",'
    '"trader_side":"TAKER","maker_orders":[{"order_id":"0x1","matched_amount":"25.0",'
    '"price":"0.5","asset_id":"7132","outcome":"Yes"}],"match_time":"1703875200",'
    '"timestamp":"1703875200000"}'
)
PAGE: dict[str, object] = {"data": [activity_row()], "pagination": {"next_cursor": "abc"}}


class Listeners:
    """Every reader of untrusted frames that whales come from, and what they emitted."""

    def __init__(self) -> None:
        self.fills: list[WhaleFill] = []
        self.refused = 0
        wallets = Wallets([WHALE])
        self.rtds = RtdsTalk(self._emit, wallets, RtdsCopy(SurplusMerger(), 0), clock)
        self.chain = self._chain()

    def _chain(self) -> ChainTalk:
        talk = ChainTalk(self._emit, ChainLedger(), clock, ChainGap(0))
        talk.want(frozenset([WHALE]))
        talk.hello()
        return talk

    async def _emit(self, event: FillEvent) -> None:
        if isinstance(event, WhaleFill):
            self.fills.append(event)
        self.refused += isinstance(event, Quarantined)

    async def hear(self, kind: str, text: str) -> None:
        match kind:
            case "rtds":
                await self.rtds.hear(text)
            case "chain":
                try:
                    await self.chain.hear(text)
                    self.chain.more()
                except UnavailableError:  # costs the socket; the next one says hello
                    self.chain = self._chain()
            case _:
                self._read(kind, text)

    def _read(self, kind: str, text: str) -> None:
        try:
            payload = read_json(text)
            if kind == "page":
                for row in read_data_page(payload)[0]:
                    parse(ActivityRow, row)
            else:
                parse(OrderRow if kind == "order" else TradeRow, payload)
        except WireError:
            self.refused += 1


SAMPLES: list[tuple[str, object]] = [
    ("rtds", MESSAGE), ("rtds", [MESSAGE, MESSAGE]), ("chain", NOTICE), ("chain", HEAD),
    *[("chain", answer) for answer in ANSWERS], ("order", ORDER), ("trade", TRADE), ("page", PAGE),
]  # fmt: skip


def mutated(value: object, rng: random.Random, chance: float) -> object:
    """Return a copy in which some fields are replaced, renamed, dropped or nested."""
    if rng.random() < chance:
        return rng.choice(ODD)
    if isinstance(value, dict):
        kept = [(k, v) for k, v in value.items() if rng.random() > chance / 2]
        return {
            (k.upper() if rng.random() < chance / 4 else k): mutated(v, rng, chance)
            for k, v in kept
        }
    if isinstance(value, list):
        items = [mutated(item, rng, chance) for item in value]
        return items * rng.choice((0, 1, 1, 1, 3)) if rng.random() < chance else items
    return value


def spoilt(text: str, rng: random.Random) -> str:
    """Return a text that was cut, doubled, or hit by a wrong character."""
    match rng.randrange(12):
        case 0:
            return text[: rng.randrange(len(text) + 1)]
        case 1:
            return text + text[rng.randrange(len(text) + 1) :]
        case 2:
            at = rng.randrange(len(text) + 1)
            return text[:at] + rng.choice('{}[]",:\0\ud83d€é') + text[at:]
        case 3:
            return "[" * rng.choice((10, 3000)) + text
    return text


async def fuzz(count: int) -> tuple[Listeners, float]:
    """Feed so many spoilt frames; return who heard them and the longest thought, ms."""
    rng, listeners, longest = random.Random(SEED), Listeners(), 0.0
    for number in range(WARM_UP + count):
        if number == WARM_UP:
            settle_memory()  # as the listener does
            longest = 0.0
        kind, sample = rng.choice(SAMPLES)
        chance = rng.choice((0.0, 0.02, 0.1, 0.5))
        text = spoilt(json.dumps(mutated(sample, rng, chance), default=str), rng)
        began = time.thread_time()
        await listeners.hear(kind, text)
        longest = max(longest, (time.thread_time() - began) * 1000)
    return listeners, longest


async def check(count: int) -> None:
    try:
        listeners, longest = await fuzz(count)
    finally:
        gc.unfreeze()
    counted = f"{len(listeners.fills)} fills, {listeners.refused} refused"
    sys.stdout.write(f"{count} frames: {counted}; longest {longest:.1f} ms of CPU\n")
    assert longest < LIMIT_MS, f"seed {SEED}"
    assert listeners.refused > count // 20, f"seed {SEED}"
    assert listeners.fills, f"seed {SEED}"
    for fill in listeners.fills:
        assert fill.wallet == WHALE
        assert 0 < fill.price < 10**15
        assert fill.size > 0


async def test_five_thousand_spoilt_frames_are_read_or_refused() -> None:
    await check(QUICK)


@pytest.mark.acceptance
async def test_a_million_spoilt_frames_are_read_or_refused() -> None:
    await check(FULL)
