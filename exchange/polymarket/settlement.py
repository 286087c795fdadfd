"""Asks the chain what became of an order: the word that nobody can take back."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from exchange.polymarket.chain_gap import LOGS_BLOCKS_MAX
from exchange.polymarket.contracts import exchange_of
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.rest import HttpRequest, Rest, read_answer
from exchange.polymarket.wire import as_list, parse
from exchange.polymarket.wire_chain import (
    ORDER_FILLED,
    BlockRow,
    FillLog,
    LogRow,
    fill_of,
    read_quantity,
    read_result,
    words_of,
)
from exchange.port import ExchangeError, UnavailableError
from trading.orders import UnsignedOrder
from trading.types import ZERO, OrderHash

BLOCKS_MAX = 120_000
"""How far back an order's logs are looked for: two to three days."""
STATUS_SELECTOR = "0x46423aa7"
"""Selector of `getOrderStatus(bytes32)`, which returns (is filled, maker amount remaining)."""

_BLOCK_TIME = timedelta(milliseconds=1500)  # a first guess; what a block says of its time decides
_EARLIER_BLOCKS = 100
_CLOCKS_APART = timedelta(seconds=30)  # by which the chain's clock may be ahead of ours


class PolygonChain:
    """Implements Chain over several nodes: the next one answers when one cannot."""

    def __init__(self, access: VenueAccess) -> None:
        """Use the HTTP nodes of these endpoints, the first one first."""
        self._nodes = [Rest(access, url) for url in access.endpoints.rpc_http]
        self._clock = access.clock

    async def fetch_filled(self, order: UnsignedOrder, order_hash: OrderHash) -> Decimal | None:
        """Return shares settled so far; None when the exchange never saw the order.

        The exchange stores what the order gave, not what it got at better prices: the exact
        shares are in its logs, which are summed.
        """
        exchange = exchange_of(order.protocol, neg_risk=order.neg_risk)
        call = {"to": exchange, "data": STATUS_SELECTOR + order_hash[2:]}
        status = await self.call("eth_call", [call, "latest"])
        is_filled, remaining = words_of(status, 2)
        if not is_filled and not remaining:
            return None
        fills = await self.fetch_fills(order, order_hash)
        if not fills:
            raise UnavailableError(f"{order_hash} was filled, but its logs are not there yet")
        return sum((fill.size for fill in fills), ZERO)

    async def fetch_fills(self, order: UnsignedOrder, order_hash: OrderHash) -> Sequence[FillLog]:
        """Return an order's fills from the chain's logs, with their exact costs and fees."""
        newest = await self.fetch_block_number()
        oldest = await self._block_before(order, newest)
        exchange = exchange_of(order.protocol, neg_risk=order.neg_risk)
        wanted = {"address": exchange, "topics": [ORDER_FILLED, order_hash]}
        fills: list[FillLog] = []
        for start in range(oldest, newest + 1, LOGS_BLOCKS_MAX):
            end = min(start + LOGS_BLOCKS_MAX - 1, newest)
            bounds = {"fromBlock": hex(start), "toBlock": hex(end)}
            rows = as_list(await self.call("eth_getLogs", [{**wanted, **bounds}]))
            logs = [parse(LogRow, row) for row in rows]
            fills.extend(fill_of(log) for log in logs if not log.removed)
        return [fill for fill in fills if fill.order_hash == order_hash]

    async def fetch_block_number(self) -> int:
        """Return the newest block's number."""
        return read_quantity(await self.call("eth_blockNumber", []))

    async def _block_before(self, order: UnsignedOrder, newest: int) -> int:
        """Return a block that is older than an order, however fast blocks have come since."""
        made_at = datetime.fromtimestamp(order.timestamp_ms // 1000, UTC)
        blocks = max(self._clock() - made_at, timedelta()) // _BLOCK_TIME + _EARLIER_BLOCKS
        while blocks <= BLOCKS_MAX:
            block = max(newest - blocks, 0)
            mined_at = await self._mined_at(block)
            if mined_at is None or mined_at < made_at - _CLOCKS_APART:
                return block
            blocks *= 2
        raise UnavailableError(f"expected an order younger than {BLOCKS_MAX} blocks")

    async def _mined_at(self, block: int) -> datetime | None:
        """Return when a block was mined; None: older than all that the node keeps."""
        head = await self.call("eth_getBlockByNumber", [hex(block), False])
        return (
            None if head is None else datetime.fromtimestamp(parse(BlockRow, head).timestamp, UTC)
        )

    async def call(self, method: str, params: list[object]) -> object:
        """Ask the first node that can answer; raise UnavailableError where none can."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        headers = {"Content-Type": "application/json"}
        request = HttpRequest("POST", "", body=body, headers=headers)
        faults: list[str] = []
        for node in self._nodes:
            try:
                return read_result(read_answer(await node.send(request), method))
            except ExchangeError as error:
                faults.append(str(error))
        raise UnavailableError(f"{method}: no node answered: {'; '.join(faults)}")
