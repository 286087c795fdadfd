"""What is said and heard on one node's socket: subscriptions, gaps and the times of blocks."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from exchange.polymarket.contracts import EXCHANGES
from exchange.polymarket.merging import Once
from exchange.polymarket.pump import Emit
from exchange.polymarket.wire import as_list, as_object, excerpt, parse, read_objects, to_micro
from exchange.polymarket.wire_chain import (
    ORDER_FILLED,
    BlockRow,
    FillLog,
    HeadRow,
    LogRow,
    RpcMessage,
    fill_of,
    read_quantity,
)
from exchange.port import FillEvent, Quarantined, StreamReset, UnavailableError, WireError
from trading.types import Price, Source, Wallet, WhaleFill

LOGS_BLOCKS_MAX = 2000
"""Blocks in one request for logs; public nodes refuse more."""
GAP_BLOCKS_MAX = 20_000
"""Blocks asked for after a gap, half a day; what is older is for the venue's history."""
REORG_BLOCKS = 5

_WAITING_MAX = 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that awaits its answer; `block` belongs to `block` requests."""

    what: str  # logs | heads | number | gap | block | end
    block: int = 0


class ChainTalk:
    """Subscribes to the followed wallets' logs and to new blocks, and fills gaps by asking."""

    name = "chain"

    def __init__(
        self,
        emit: Emit[FillEvent],
        once: Once,
        clock: Callable[[], datetime],
        lookback_blocks: int,
    ) -> None:
        """Share `once` between nodes, so that each log passes once."""
        self._emit = emit
        self._once = once
        self._clock = clock
        self._lookback_blocks = lookback_blocks
        self._wallets: frozenset[Wallet] = frozenset()
        self._subscribed: frozenset[Wallet] = frozenset()
        self._subscription: object = None
        self._asked: dict[int, _Asked] = {}
        self._outbox: list[str] = []
        self._last_id = 0
        self._last_block: int | None = None
        self._times: OrderedDict[int, datetime] = OrderedDict()
        self._waiting: dict[int, list[LogRow]] = {}
        self.wake = asyncio.Event()

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
        """Subscribe, then ask for the newest block, from which the gap is measured."""
        self._asked.clear()
        self._outbox.clear()
        self._waiting.clear()
        self._subscription = None
        self._subscribe()
        self._ask(_Asked("heads"), "eth_subscribe", ["newHeads"])
        self._ask(_Asked("number"), "eth_blockNumber", [])
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
        """Act on answers and notices; hand what cannot be read to quarantine."""
        try:
            for item in read_objects(text):
                await self._handle(parse(RpcMessage, item))
        except WireError as error:
            await self._emit(Quarantined(self.name, str(error), excerpt(text)))
        if self._outbox:
            self.wake.set()
        return True

    async def _handle(self, message: RpcMessage) -> None:
        if message.method == "eth_subscription":
            await self._hear_notice(as_object(message.params.get("result")))
            return
        asked = self._asked.pop(message.id, None) if isinstance(message.id, int) else None
        if asked is None:
            raise WireError(f"expected an answer to a question of ours, received id {message.id}")
        if message.error is not None and asked.what != "end":
            raise UnavailableError(f"{asked.what}: the node answered {str(message.error)[:200]}")
        await self._hear_answer(asked, message.result)

    async def _hear_notice(self, item: dict[str, object]) -> None:
        if "topics" in item:
            await self._hear_log(parse(LogRow, item))
        else:
            head = parse(HeadRow, item)
            self._last_block = max(self._last_block or 0, head.number)
            await self._know_time(head.number, head.timestamp)

    async def _hear_answer(self, asked: _Asked, result: object) -> None:
        match asked.what:
            case "logs":
                if self._subscription is not None:
                    self._ask(_Asked("end"), "eth_unsubscribe", [self._subscription])
                self._subscription = result
            case "number":
                self._ask_for_gap(read_quantity(result))
            case "gap":
                for item in as_list(result):
                    await self._hear_log(parse(LogRow, item))
            case "block" if result is None:
                raise UnavailableError(f"expected block {asked.block}, the node has none")
            case "block":
                await self._know_time(asked.block, parse(BlockRow, result).timestamp)

    async def _hear_log(self, log: LogRow) -> None:
        if log.address not in EXCHANGES or log.topics[:1] != (ORDER_FILLED,):
            return
        fill = fill_of(log)
        if fill.wallet not in self._wallets:
            return
        if log.block_timestamp is not None:
            self._remember_time(log.block_number, log.block_timestamp)
        traded_at = self._times.get(log.block_number)
        if traded_at is None:
            self._await_time(log)
        elif self._once.is_new((log.transaction_hash, log.log_index, log.block_hash, log.removed)):
            await self._emit(whale_fill(fill, log, traded_at, self._clock()))

    def _await_time(self, log: LogRow) -> None:
        """Keep a log until the time of its block is known: age decides whether it is copied."""
        if len(self._waiting) >= _WAITING_MAX:
            raise UnavailableError(f"more than {_WAITING_MAX} blocks without a time")
        logs = self._waiting.setdefault(log.block_number, [])
        if not logs:
            asked = _Asked("block", log.block_number)
            self._ask(asked, "eth_getBlockByNumber", [hex(log.block_number), False])
        logs.append(log)

    async def _know_time(self, block: int, timestamp_s: int) -> None:
        self._remember_time(block, timestamp_s)
        for log in self._waiting.pop(block, ()):
            await self._hear_log(log)

    def _remember_time(self, block: int, timestamp_s: int) -> None:
        self._times[block] = datetime.fromtimestamp(timestamp_s, UTC)
        if len(self._times) > _WAITING_MAX:
            self._times.popitem(last=False)

    def _ask_for_gap(self, newest: int) -> None:
        """Ask for every block since the last one seen, a few again for reorganisations."""
        behind = self._lookback_blocks
        if self._last_block is not None:
            behind = max(newest - self._last_block, 0) + REORG_BLOCKS
        start = max(newest - min(behind, GAP_BLOCKS_MAX), 0)
        while start <= newest:
            end = min(start + LOGS_BLOCKS_MAX - 1, newest)
            bounds = {"fromBlock": hex(start), "toBlock": hex(end)}
            self._ask(_Asked("gap"), "eth_getLogs", [{**self._filter(), **bounds}])
            start = end + 1
        self._last_block = max(self._last_block or 0, newest)

    def _subscribe(self) -> None:
        self._subscribed = self._wallets
        if self._wallets:
            self._ask(_Asked("logs"), "eth_subscribe", ["logs", self._filter()])

    def _filter(self) -> dict[str, object]:
        """Select by the owner of the order, which finds makers and takers once each."""
        wallets = [topic_of(wallet) for wallet in sorted(self._wallets)]
        return {"address": list(EXCHANGES), "topics": [ORDER_FILLED, None, wallets]}

    def _ask(self, asked: _Asked, method: str, params: list[object]) -> None:
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
