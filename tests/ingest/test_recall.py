"""Whales' fills through three lying sources: each becomes part of one signal, none of two."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import cast

import pytest

from exchange.polymarket import chain_talk
from exchange.polymarket.chain_gap import ChainGap
from exchange.polymarket.chain_ledger import ChainLedger
from exchange.polymarket.chain_talk import ChainTalk
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.rtds import RtdsCopy, RtdsTalk, fill_of
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_data import ActivityRow
from exchange.port import FillEvent, UnavailableError
from tests.exchange.chain_logs import FillTerms, log_row
from tests.exchange.samples import YES, activity_row
from tests.exchange.sets import Wallets
from trading.aggregate import Aggregation, Aggregator
from trading.rules import AggregationRules
from trading.tallies import TallyKey
from trading.types import Side, Source, Wallet, WhaleFill

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHALES = tuple(Wallet("0x" + f"{n:02x}" * 20) for n in range(1, 11))
PER_BLOCK = 5
DROPPED, DOUBLED, LIMITED = 0.05, 0.20, 0.30
AFTER_BLOCKS = 40
"""Blocks without trades, in which a node that limits us answers the last questions."""
LIMITS = ("rate limit exceeded", "limit exceeded", "Too many requests, retry in 10s")


@dataclass
class Trade:
    """One transaction of one whale: the chain logs its orders, the venue names its fills."""

    number: int
    wallet: Wallet
    orders: tuple[int, ...]  # shares of each log
    fills: tuple[int, ...]  # the same shares, cut otherwise

    @property
    def transaction(self) -> str:
        return "0x" + f"{self.number:064x}"


@dataclass
class World:
    """The chain as it is now, what sources tell of it, and what became of that."""

    rng: random.Random
    now: datetime = START
    blocks: dict[int, tuple[str, list[Trade]]] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    gathered: list[Aggregation] = field(default_factory=list)
    removals: int = 0
    limited: int = 0
    forks: int = 0

    def __post_init__(self) -> None:
        self.aggregator = Aggregator(AggregationRules())
        ledger, merger, wallets = ChainLedger(), SurplusMerger(), Wallets(WHALES)
        self.nodes = [Node(self, n, ledger) for n in range(2)]
        self.sockets = [
            RtdsTalk(self.emit, wallets, RtdsCopy(merger, n), self.clock) for n in range(2)
        ]
        self.deaf_until = [0, 0]  # blocks
        self.answers = 0
        self.record = SurplusMerger()

    def clock(self) -> datetime:
        return self.now

    async def emit(self, event: FillEvent) -> None:
        if isinstance(event, WhaleFill):
            self.removals += event.removed
            self.gathered.append(self.aggregator.feed(event, self.now))

    def logs(self, number: int) -> list[dict[str, object]]:
        block_hash, trades = self.blocks[number]
        index, rows = 0, []
        for trade in trades:
            for shares in trade.orders:
                index += 1
                terms = FillTerms(Side.BUY, str(shares / 2), str(shares), trade.wallet)
                rows.append(
                    log_row(
                        terms,
                        transactionHash=trade.transaction,
                        blockNumber=hex(number),
                        blockHash=block_hash,
                        logIndex=hex(index),
                        blockTimestamp=hex(int(self.now.timestamp())),
                    )
                )
        return rows

    def lossy(self, items: Sequence[dict[str, object]]) -> list[dict[str, object]]:
        """Drop and double items, and shuffle them."""
        kept = [item for item in items if self.rng.random() >= DROPPED]
        kept += [item for item in kept if self.rng.random() < DOUBLED]
        self.rng.shuffle(kept)
        return kept

    async def mine(self, number: int, count: int) -> None:
        first = len(self.trades)
        trades = []
        for n in range(first, first + count):
            orders = tuple(self.rng.randint(1, 9) * 100 for _ in range(self.rng.randint(1, 3)))
            half = sum(orders) // 2
            cut = (sum(orders),) if self.rng.random() < 0.5 else (half, sum(orders) - half)
            trades.append(Trade(n, WHALES[n % len(WHALES)], orders, cut))
        self.trades += trades
        self.blocks[number] = (f"0x{number:032x}{0:032x}", trades)
        await self.tell_rtds(trades)
        for node in self.nodes:
            await node.hear_block(number)

    async def tell_rtds(self, trades: Sequence[Trade]) -> None:
        for place, talk in enumerate(self.sockets):
            if self.deaf_until[place] > len(self.blocks):
                continue
            for frame in self.lossy([_message(t, n) for t in trades for n in range(len(t.fills))]):
                await talk.hear(json.dumps(frame, default=str))

    async def reorganise(self, number: int) -> None:
        """Replace a block: its transactions go to the end of the next one, but for their logs."""
        old_hash, trades = self.blocks[number]
        gone = [{**row, "removed": True} for row in self.logs(number)]
        self.blocks[number] = (self.other(old_hash), trades[1:])
        next_hash, others = self.blocks[number + 1]
        self.blocks[number + 1] = (self.other(next_hash), [*others, *trades[:1]])
        for node in self.nodes:
            await node.hear_reorganised(number, gone)

    def other(self, block_hash: str) -> str:
        """Return a hash that no block had."""
        self.forks += 1
        return f"{block_hash[:34]}{self.forks:032x}"

    async def poll_record(self) -> None:
        """Ask for the last six minutes; each answer lacks some rows."""
        self.answers += 1
        rows = [_row(t, n) for t in self.trades[-PER_BLOCK * 180 :] for n in range(len(t.fills))]
        for row in rows:
            if self.rng.random() >= DROPPED:
                fill = fill_of(parse(ActivityRow, row), Source.DATA_API, self.now)
                part = self.record.new_part(fill, self.answers)
                if part is not None:
                    await self.emit(part)

    def freeze(self, number: int) -> None:
        """Freeze each node and each socket now and then, for a while."""
        for node in self.nodes:
            if self.rng.random() < 0.03:
                node.deaf_until = number + self.rng.randint(2, 60)
        for place in range(2):
            if self.rng.random() < 0.03:
                self.deaf_until[place] = len(self.blocks) + self.rng.randint(2, 200)

    def close(self) -> None:
        self.now += timedelta(seconds=2)
        self.gathered.append(self.aggregator.due(self.now))


class Node:
    """One node's socket: it freezes, is lost, drops and doubles, and is asked for what it has."""

    def __init__(self, world: World, number: int, ledger: ChainLedger) -> None:
        self.world = world
        self.talk = ChainTalk(world.emit, ledger, world.clock, ChainGap(5), number)
        self.talk.want(frozenset(WHALES))
        self.deaf_until = 0
        self.is_lost = True

    async def hear_block(self, number: int) -> None:
        if self.deaf_until > number:
            self.is_lost = True
            return
        if self.is_lost:
            self.is_lost = False
            await self.answer(self.talk.hello())
        for row in self.world.lossy(self.world.logs(number)):
            await self.notice(row)
        await self.notice_head(number)

    async def notice_head(self, number: int) -> None:
        parent = self.world.blocks.get(number - 1, ("0x0", []))[0]
        own, at = self.world.blocks[number][0], hex(int(self.world.now.timestamp()))
        await self.notice(
            {"number": hex(number), "hash": own, "parentHash": parent, "timestamp": at}
        )

    async def hear_reorganised(self, number: int, gone: Sequence[dict[str, object]]) -> None:
        """Tell the removal, or be silent about it as some nodes are; then the new blocks."""
        if self.is_lost:
            return
        if self.world.rng.random() < 0.5:
            for row in gone:
                await self.notice(row)
        for each in (number, number + 1):
            for row in self.world.lossy(self.world.logs(each)):
                await self.notice(row)
            await self.notice_head(each)

    async def notice(self, result: dict[str, object]) -> None:
        await self.talk.hear(
            json.dumps({"method": "eth_subscription", "params": {"result": result}})
        )
        await self.answer(self.talk.more())

    async def answer(self, frames: Sequence[str]) -> None:
        """Answer as the chain is now; refuse more than 40 blocks, and some as too many."""
        waiting = [json.loads(frame) for frame in frames]
        while waiting:
            asked = waiting.pop(0)
            answer = self._answer(asked["method"], asked["params"])
            try:
                await self.talk.hear(json.dumps({"id": asked["id"], **answer}))
            except UnavailableError:
                self.is_lost = True
                return
            waiting += [json.loads(frame) for frame in self.talk.more()]

    def _answer(self, method: str, params: list[object]) -> dict[str, object]:
        blocks, newest = self.world.blocks, max(self.world.blocks)
        match method:
            case "eth_blockNumber":
                return {"result": hex(newest)}
            case "eth_getLogs":
                bounds = cast("dict[str, str]", params[0])
                first, last = int(bounds["fromBlock"], 16), int(bounds["toBlock"], 16)
                if self.world.rng.random() < LIMITED:
                    self.world.limited += 1
                    return {"error": {"code": -32005, "message": self.world.rng.choice(LIMITS)}}
                if last - first > 40:
                    return {"error": {"message": "block range too large"}}
                numbers = range(max(first, min(blocks)), last + 1)
                return {"result": [row for n in numbers for row in self.world.logs(n)]}
            case "eth_getTransactionReceipt":
                held = [
                    h for h, trades in blocks.values() for t in trades if t.transaction in params
                ]
                return {"result": {"blockHash": held[0]} if held else None}
        return {"result": "0x1"}


def _row(trade: Trade, number: int) -> dict[str, object]:
    return activity_row(
        proxyWallet=trade.wallet,
        asset=YES,
        side="BUY",
        price="0.5",
        size=trade.fills[number],
        transactionHash=trade.transaction,
        timestamp=int(START.timestamp()),
    )


def _message(trade: Trade, number: int) -> dict[str, object]:
    return {
        "topic": "activity",
        "type": "trades",
        "timestamp": 1795348800000 + trade.number * 10 + number,
        "payload": _row(trade, number),
    }


async def play(seed: int, fills: int) -> World:
    """Mine blocks while nodes freeze, sockets die and blocks are replaced; then hear all out."""
    rng = random.Random(seed)
    world = World(rng)
    number = 1_000
    while sum(len(trade.fills) for trade in world.trades) < fills:
        number += 1
        world.now += timedelta(seconds=2)
        await world.mine(number, PER_BLOCK)
        world.gathered.append(world.aggregator.due(world.now))
        world.freeze(number)
        if rng.random() < 0.05 and number > 1_010:
            await world.reorganise(number - 1)
        if number % 8 == 0:
            await world.poll_record()
    world.close()
    await world.poll_record()
    for node in world.nodes:
        node.deaf_until, node.is_lost = 0, True
    for after in range(1, AFTER_BLOCKS):
        world.now += timedelta(seconds=2)
        await world.mine(number + after, 0)
    await world.poll_record()
    world.close()
    return world


def check(world: World, seed: int) -> None:
    """Every share is in one signal, and no signal's id comes twice."""
    signals = [found.signal for step in world.gathered for found in step.signals]
    ids = [signal.signal_id for signal in signals]
    assert len(ids) == len(set(ids)), f"seed {seed}"
    told: Counter[Wallet] = Counter()
    for signal in signals:
        told[signal.wallet] += int(signal.size)
    true: Counter[Wallet] = Counter()
    for trade in world.trades:
        true[trade.wallet] += sum(trade.orders)
    assert told == true, f"seed {seed}"
    keys = [key_of_trade(trade) for trade in world.trades]
    found = {f.transaction_hash for step in world.gathered for s in step.signals for f in s.fills}
    assert found == {key.transaction_hash for key in keys}, f"seed {seed}"


def key_of_trade(trade: Trade) -> TallyKey:
    return TallyKey(trade.transaction, trade.wallet, YES, Side.BUY)


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pauses of limited nodes depend on nothing but the seed, too."""
    monkeypatch.setattr(chain_talk, "Random", partial(random.Random, 7))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_five_hundred_fills_through_three_lying_sources_are_all_told_once(seed: int) -> None:
    world = await play(seed, 500)
    assert world.removals > 0
    assert world.limited > 0
    check(world, seed)


async def test_a_ledger_that_lets_repetitions_pass_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted bug: fills of a transaction are added up over the sources."""

    def always(self: object, fill: WhaleFill, copy: object) -> WhaleFill:
        del self, copy
        return fill

    monkeypatch.setattr(SurplusMerger, "new_part", always)
    world = await play(1, 500)
    with pytest.raises(AssertionError, match="seed 1"):
        check(world, 1)


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(10))
async def test_ten_thousand_fills_through_three_lying_sources_are_all_told_once(seed: int) -> None:
    world = await play(seed, 10_000)
    assert world.removals > 0
    assert world.limited > 0
    check(world, seed)
    assert Decimal(world.removals) < len(world.trades)
