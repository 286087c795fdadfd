"""What is said and heard on one node's socket: subscriptions, gaps and the times of blocks."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from random import Random

import structlog

from exchange.polymarket.chain_blocks import ChainBlocks
from exchange.polymarket.chain_gap import REORG_BLOCKS, BlockRange, ChainGap
from exchange.polymarket.chain_ledger import ChainLedger, key_of
from exchange.polymarket.chain_limits import Limit, limit_of, named_pause_s
from exchange.polymarket.chain_questions import ChainQuestions, Question
from exchange.polymarket.contracts import EXCHANGES
from exchange.polymarket.pump import Emit
from exchange.polymarket.wire import as_list, as_object, excerpt, parse, read_objects, to_micro
from exchange.polymarket.wire_chain import (
    ORDER_FILLED,
    BlockRow,
    FillLog,
    HeadRow,
    LogRow,
    ReceiptRow,
    RpcMessage,
    fill_of,
    read_quantity,
)
from exchange.port import (
    FeedPulse,
    FillEvent,
    Quarantined,
    StreamReset,
    UnavailableError,
    WireError,
)
from trading.types import Price, Source, Wallet, WhaleFill

SETTLED_BLOCKS = 2
"""A node's newest blocks may be known to one of its servers and not to the next one."""
RECEIPTS_MAX = 100
"""Transactions asked for after one answer."""

_WAITING_MAX = 1000

_log = structlog.get_logger()


class ChainTalk:
    """Subscribes to the followed wallets' logs and to new blocks, and fills gaps by asking.

    The gap is measured once the subscription stands, so that nothing lies between the two. The
    last blocks are asked for again after every connection and after every block that does not
    follow the one before: what was told of them and is not there any more is taken back, once
    the transaction's receipt confirms it.
    """

    name = "chain"

    def __init__(
        self,
        emit: Emit[FillEvent],
        ledger: ChainLedger,
        clock: Callable[[], datetime],
        gap: ChainGap,
        node: int = 0,
    ) -> None:
        """Share `ledger` between nodes, so that each log passes once."""
        self._emit = emit
        self._ledger = ledger
        self._clock = clock
        self._gap = gap
        self._node = node
        self._wallets: frozenset[Wallet] = frozenset()
        self._subscribed: frozenset[Wallet] = frozenset()
        self._subscription: object = None
        self._asked: dict[int, Question] = {}
        self._outbox: list[str] = []
        self._questions = ChainQuestions(Random())  # noqa: S311 - spreads questions
        self._last_id = 0
        self._blocks = ChainBlocks()
        self._forked_at: int | None = None
        self._waiting: dict[int, list[LogRow]] = {}
        self.wake = asyncio.Event()

    @property
    def complete(self) -> int | None:
        """Return the newest block of which everything has been told."""
        known = self._gap.complete
        return known if known is None else min([known, *(block - 1 for block in self._waiting)])

    def want(self, wallets: frozenset[Wallet]) -> None:
        """Change whose logs are wanted."""
        if wallets != self._wallets:
            self._wallets = wallets
            self.wake.set()

    async def wanted(self) -> None:
        """Return when at least one wallet is followed."""
        while not self._wallets:
            await self.wake.wait()
            self.wake.clear()

    def hello(self) -> Sequence[str]:
        """Subscribe; what an earlier socket still owed is part of the gap."""
        self._gap.lose(min(self._waiting, default=None))
        self._asked.clear()
        self._outbox.clear()
        self._questions.clear()
        self._waiting.clear()
        self._subscription = None
        self._subscribe()
        self._say(Question("heads"))
        return self._take_outbox()

    def more(self) -> Sequence[str]:
        """Return what waits to be said; the old subscription ends once the new one stands."""
        if self._wallets != self._subscribed:
            self._subscribe()
        return self._take_outbox()

    async def greeted(self) -> None:
        """Tell that fills may arrive late."""
        await self._emit(StreamReset(self._clock()))

    async def hear(self, text: str) -> bool:
        """Act on answers and notices; hand what cannot be read to quarantine.

        A refusal is no data: a node that says nothing else is given up.
        """
        is_data = False
        try:
            for item in read_objects(text):
                is_data |= await self._handle(parse(RpcMessage, item))
        except WireError as error:
            await self._emit(Quarantined(self.name, str(error), excerpt(text)))
        self._say_due()
        if self._outbox:
            self.wake.set()
        return is_data

    async def _handle(self, message: RpcMessage) -> bool:
        if message.method == "eth_subscription":
            await self._hear_notice(as_object(message.params.get("result")))
            return True
        asked = self._asked.pop(message.id, None) if isinstance(message.id, int) else None
        if asked is None:
            raise WireError(f"expected an answer to a question of ours, received id {message.id}")
        self._questions.answered(asked, is_served=message.error is None)
        if message.error is None:
            await self._hear_answer(asked, message.result)
        elif asked.what != "end":
            self._hear_error(asked, message.error)
        return message.error is None

    def _hear_error(self, asked: Question, error: object) -> None:
        """Ask again later where the node limits us, for less where a range was too much.

        A range that is refused for another reason is asked for again once before it is halved.
        """
        limit, is_range = limit_of(error), asked.blocks is not None
        may_be_rate = limit is Limit.RATE or (limit is Limit.UNCLEAR and not is_range)
        is_first = is_range and limit is not Limit.RANGE and not asked.was_refused
        if may_be_rate or is_first:
            again = replace(asked, was_refused=is_range and limit is not Limit.RATE)
            blocks = self._questions.refused(again, named_pause_s(error))
            _log.info("node_limits_us", node=self._node, why=str(error)[:200], pause_blocks=blocks)
            return
        halves = () if asked.blocks is None else self._gap.refused(asked.blocks)
        if not halves:
            raise UnavailableError(f"{asked.what}: the node answered {str(error)[:200]}")
        self._questions.add_first(Question("gap", blocks=blocks) for blocks in halves)

    async def _hear_notice(self, item: dict[str, object]) -> None:
        if "topics" in item:
            await self._hear_log(parse(LogRow, item))
        else:
            await self._hear_head(parse(HeadRow, item))

    async def _hear_head(self, head: HeadRow) -> None:
        if self._blocks.take(head):
            self._forked_at = head.number
        self._gap.saw(head.number)
        self._questions.new_block()
        await self._tell_logs_of(head.number)
        if self._forked_at is not None and head.number >= self._forked_at + SETTLED_BLOCKS:
            self._ask_for_logs(BlockRange(max(self._forked_at - REORG_BLOCKS, 0), head.number))
            self._forked_at = None
        await self._emit(FeedPulse(self._clock(), self.complete))

    async def _hear_answer(self, asked: Question, result: object) -> None:
        match asked.what:
            case "logs":
                self._hear_subscription(result)
            case "number":
                for blocks in self._gap.plan(read_quantity(result)):
                    self._ask_for_logs(blocks)
            case "gap":
                assert asked.blocks is not None, "expected a request for logs to name its blocks"
                await self._hear_range(asked.blocks, as_list(result))
            case "block":
                await self._hear_block(asked.block, result)
            case "receipt":
                await self._hear_receipt(asked.transaction, result)

    def _hear_subscription(self, result: object) -> None:
        if self._subscription is not None:
            self._ask(Question("end"), "eth_unsubscribe", [self._subscription])
        self._subscription = result
        self._questions.add(Question("number"))

    async def _hear_block(self, block: int, result: object) -> None:
        if result is None:
            raise UnavailableError(f"expected block {block}, the node has none")
        self._blocks.learn(block, parse(BlockRow, result).timestamp)
        await self._tell_logs_of(block)

    async def _hear_receipt(self, transaction: str, result: object) -> None:
        """Take back what was told of a transaction in another block than the one it is in now."""
        block_hash = "" if result is None else parse(ReceiptRow, result).block_hash
        gone = self._ledger.settle(self._node, transaction, block_hash, self._clock())
        for fill in gone:
            await self._emit(fill)

    async def _hear_range(self, blocks: BlockRange, items: list[object]) -> None:
        """Tell what is new in a range, then ask after what was told of it and is missing."""
        rows = []
        for item in items:
            try:
                log = parse(LogRow, item)
                await self._hear_log(log)
            except WireError as error:
                payload = excerpt(json.dumps(item, default=str))
                await self._emit(Quarantined(self.name, str(error), payload))
            else:
                rows.append(log)
        self._gap.answered(blocks)
        settled = blocks.first, min(blocks.last, (self._gap.complete or 0) - SETTLED_BLOCKS)
        seen = {key_of(log) for log in rows}
        for transaction in self._ledger.unseen(settled, self._wallets, seen)[:RECEIPTS_MAX]:
            self._questions.add(Question("receipt", transaction=transaction))

    async def _hear_log(self, log: LogRow) -> None:
        if log.address not in EXCHANGES or log.topics[:1] != (ORDER_FILLED,):
            return
        fill = fill_of(log)
        if fill.wallet not in self._wallets:
            return
        if log.block_timestamp is not None:
            self._blocks.learn(log.block_number, log.block_timestamp)
        traded_at = self._blocks.time_of(log.block_number)
        if traded_at is None:
            self._await_time(log)
            return
        told = whale_fill(fill, log, traded_at, self._clock())
        for each in self._ledger.hear(self._node, log, told):
            await self._emit(each)

    def _await_time(self, log: LogRow) -> None:
        """Keep a log until the time of its block is known: age decides whether it is copied."""
        if len(self._waiting) >= _WAITING_MAX:
            raise UnavailableError(f"more than {_WAITING_MAX} blocks without a time")
        logs = self._waiting.setdefault(log.block_number, [])
        if not logs:
            self._questions.add(Question("block", log.block_number))
        logs.append(log)

    async def _tell_logs_of(self, block: int) -> None:
        for log in self._waiting.pop(block, ()):
            await self._hear_log(log)

    def _ask_for_logs(self, blocks: BlockRange) -> None:
        self._questions.add(Question("gap", blocks=blocks))

    def _say_due(self) -> None:
        for question in self._questions.due():
            self._say(question)

    def _say(self, question: Question) -> None:
        self._ask(question, *self._words_of(question))

    def _words_of(self, question: Question) -> tuple[str, list[object]]:
        match question:
            case Question("block", block=number):
                return "eth_getBlockByNumber", [hex(number), False]
            case Question("receipt", transaction=transaction):
                return "eth_getTransactionReceipt", [transaction]
            case Question("logs"):
                return "eth_subscribe", ["logs", self._filter()]
            case Question("heads"):
                return "eth_subscribe", ["newHeads"]
            case Question("gap", blocks=BlockRange(first, last)):
                bounds = {"fromBlock": hex(first), "toBlock": hex(last)}
                return "eth_getLogs", [{**self._filter(), **bounds}]
        return "eth_blockNumber", []

    def _subscribe(self) -> None:
        self._subscribed = self._wallets
        if self._wallets:
            self._say(Question("logs"))

    def _filter(self) -> dict[str, object]:
        """Select by the owner of the order, which finds makers and takers once each."""
        wallets = [topic_of(wallet) for wallet in sorted(self._wallets)]
        return {"address": list(EXCHANGES), "topics": [ORDER_FILLED, None, wallets]}

    def _ask(self, asked: Question, method: str, params: list[object]) -> None:
        self._last_id += 1
        self._asked[self._last_id] = asked
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self._outbox.append(json.dumps(request))

    def _take_outbox(self) -> list[str]:
        frames, self._outbox = self._outbox, []
        return frames


def topic_of(wallet: Wallet) -> str:
    """Return an address as an indexed argument of a log."""
    return "0x" + wallet[2:].rjust(64, "0")


def whale_fill(fill: FillLog, log: LogRow, traded_at: datetime, seen_at: datetime) -> WhaleFill:
    """Return a decoded log as a fill; its price is cost / size, rounded to six decimals."""
    return WhaleFill(
        wallet=fill.wallet,
        token_id=fill.token_id,
        side=fill.side,
        size=fill.size,
        price=Price(to_micro(Decimal(fill.cost / fill.size))),
        transaction_hash=log.transaction_hash,
        traded_at=traded_at,
        source=Source.CHAIN,
        seen_at=seen_at,
        log_index=log.log_index,
        block_number=log.block_number,
        order_hash=fill.order_hash,
        is_taker=fill.is_taker,
        removed=log.removed,
    )
