"""The chain as this venue invents it: blocks with the logs that the real exchanges would emit."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from paper.derive import hash_text
from paper.matching import notional
from paper.model import ChainLog, Dialect, Market, Side, SignedOrder, Trade
from paper.signing import exchange_for

# topic0 of OrderFilled and OrdersMatched: keccak of their signatures. CLOB V2 and Protocol V2
# share theirs; V1 tells assets instead of a side and a token.
ORDER_FILLED = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee"
ORDERS_MATCHED = "0x174b3811690657c217184f89418266767c87e4805d09680c39fc9c031c0cab7c"
ORDER_FILLED_V1 = "0xd0a08e8c493f9c94f29311604c9de1b4e8c8d4c06bd0c789af57f2d65bfec0f6"
ORDERS_MATCHED_V1 = "0x63bf4d16b7fa898ef4c4b2b6d90fd201e9c56313b65638af6088d149d2ce956c"

FIRST_BLOCK = 80_000_000
_ZERO = f"{0:064x}"


@dataclass(frozen=True, slots=True)
class Block:
    """One block's header; the timestamp is in seconds."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that is about to be mined: its logs as (topics, data)."""

    transaction_hash: str
    address: str
    events: tuple[tuple[tuple[str, ...], str], ...]


@dataclass(frozen=True, slots=True)
class _Filled:
    """One order's part in a trade, as OrderFilled tells it."""

    order_id: str
    wallet: str
    counterparty: str
    side: Side
    token_id: str
    size: int
    cost: int
    fee: int


class Chain:
    """Blocks and logs, oldest first; numbers rise over plays and restarts."""

    def __init__(self, block_number: int = FIRST_BLOCK) -> None:
        self._number = block_number
        self._first_timed = block_number + 1
        self._timestamps: list[int] = []
        self._numbers: list[int] = []  # of blocks with logs, rising
        self._logs: dict[int, tuple[ChainLog, ...]] = {}
        self._saved = block_number
        self._hashes: dict[int, str] = {}  # of blocks that took another one's place
        self._changed: list[ChainLog] = []  # logs of older blocks that have to be saved again

    def load(self, blocks: Sequence[tuple[int, int]], logs: Iterable[ChainLog]) -> None:
        """Take over saved blocks as gapless (number, timestamp) pairs, and their logs in order."""
        if blocks:
            self._number = blocks[-1][0]
            self._first_timed = blocks[0][0]
            self._timestamps = [timestamp for _, timestamp in blocks]
        for log in logs:
            if not log.removed:
                self._logs[log.block_number] = (*self._logs.get(log.block_number, ()), log)
                self._hashes[log.block_number] = log.block_hash
        self._numbers = sorted(self._logs)
        self._saved = self._number

    @property
    def number(self) -> int:
        """Return the newest block's number."""
        return self._number

    def block(self, number: int) -> Block | None:
        """Return a block's header; None for one that is not mined or no longer kept."""
        index = number - self._first_timed
        if not 0 <= index < len(self._timestamps):
            return None
        return Block(number, self._hash(number), self._hash(number - 1), self._timestamps[index])

    def logs(self, from_block: int, to_block: int) -> list[ChainLog]:
        """Return the logs of a closed range of blocks, in chain order."""
        start = bisect_left(self._numbers, from_block)
        end = bisect_right(self._numbers, to_block)
        return [log for number in self._numbers[start:end] for log in self._logs[number]]

    def mine(self, at: int, receipts: Sequence[Receipt]) -> tuple[int, tuple[ChainLog, ...]]:
        """Add a block with these transactions; return its number and logs. `at` is in ms."""
        self._number += 1
        seconds = max(at // 1000, self._timestamps[-1] if self._timestamps else 0)
        self._timestamps.append(seconds)
        logs: list[ChainLog] = []
        for index, receipt in enumerate(receipts):
            logs.extend(
                ChainLog(
                    address=receipt.address,
                    topics=topics,
                    data=data,
                    block_number=self._number,
                    block_hash=self._hash(self._number),
                    block_timestamp=seconds,
                    transaction_hash=receipt.transaction_hash,
                    transaction_index=index,
                    log_index=0,
                )
                for topics, data in receipt.events
            )
        numbered = tuple(replace(log, log_index=index) for index, log in enumerate(logs))
        if numbered:
            self._logs[self._number] = numbered
            self._numbers.append(self._number)
        return self._number, numbered

    def take_back(self, transaction_hash: str) -> tuple[ChainLog, ...]:
        """Take a transaction off the chain; return its logs as they are told then: removed."""
        for number in reversed(self._numbers):
            logs = self._logs[number]
            gone = _removed(log for log in logs if log.transaction_hash == transaction_hash)
            if gone:
                kept = tuple(log for log in logs if log.transaction_hash != transaction_hash)
                self._keep(number, kept)
                self._changed += gone
                return gone
        return ()

    def reorganise(self, first: int) -> tuple[tuple[ChainLog, ...], tuple[ChainLog, ...]]:
        """Put other blocks in the place of the newest ones, from a number on, with the same logs.

        Returns:
            The logs that are gone with the old blocks, and those of the new ones.
        """
        gone = self.logs(first, self._number)
        for number in range(first, self._number + 1):
            self._hashes[number] = hash_text("block", number, self._hash(number))
            if number in self._logs:
                name = self._hashes[number]
                self._logs[number] = tuple(
                    replace(log, block_hash=name) for log in self._logs[number]
                )
        again = self.logs(first, self._number)
        self._changed += again
        return _removed(gone), tuple(again)

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return self._saved < self._number or bool(self._changed)

    def take_changes(self) -> tuple[list[tuple[int, int]], list[ChainLog]]:
        """Return blocks, as (number, timestamp), and logs that have to be saved."""
        first, self._saved = self._saved + 1, self._number
        times = self._timestamps[first - self._first_timed :]
        changed, self._changed = self._changed, []
        return list(enumerate(times, start=first)), [*changed, *self.logs(first, self._number)]

    def _hash(self, number: int) -> str:
        return self._hashes.get(number) or hash_text("block", number)

    def _keep(self, number: int, logs: tuple[ChainLog, ...]) -> None:
        if logs:
            self._logs[number] = logs
        else:
            del self._logs[number]
            self._numbers.remove(number)


def _removed(logs: Iterable[ChainLog]) -> tuple[ChainLog, ...]:
    return tuple(replace(log, removed=True) for log in logs)


OrderLookup = Callable[[str], SignedOrder | None]


def receipt_of(trade: Trade, transaction_hash: str, market: Market, orders: OrderLookup) -> Receipt:
    """Write a trade's logs: each maker's OrderFilled, the taker's, then OrdersMatched.

    As the exchange contracts do, a maker's log names the taker's wallet as its counterparty and
    the taker's log names the exchange: topic 2 is always the wallet whose order it is.
    """
    exchange = exchange_for(market.dialect, neg_risk=market.neg_risk).address
    makers = [
        _Filled(
            maker.order_id,
            maker.wallet,
            trade.wallet,
            maker.side,
            maker.token_id,
            maker.size,
            notional(maker.size, maker.price),
            0,
        )
        for maker in trade.makers
    ]
    taker = _Filled(
        trade.taker_order_id,
        trade.wallet,
        exchange,
        trade.side,
        trade.token_id,
        trade.size,
        trade.cost,
        trade.fee,
    )
    is_v1 = market.dialect is Dialect.V1
    filled = _filled_v1 if is_v1 else _filled_v2
    events = [filled(one, orders(one.order_id)) for one in _summed(makers)]
    events += [filled(taker, orders(taker.order_id)), (_matched_v1 if is_v1 else _matched)(taker)]
    return Receipt(transaction_hash, exchange, tuple(events))


def _summed(makers: Iterable[_Filled]) -> list[_Filled]:
    orders: dict[str, _Filled] = {}
    for one in makers:
        known = orders.get(one.order_id)
        orders[one.order_id] = (
            one
            if known is None
            else replace(known, size=known.size + one.size, cost=known.cost + one.cost)
        )
    return list(orders.values())


def _filled_v2(one: _Filled, order: SignedOrder | None) -> tuple[tuple[str, ...], str]:
    making, taking = _amounts(one)
    words = [
        _word(0 if one.side is Side.BUY else 1),
        _word(int(one.token_id)),
        _word(making),
        _word(taking),
        _word(one.fee),
        _ZERO if order is None else _bytes32(order.builder),
        _ZERO if order is None else _bytes32(order.metadata),
    ]
    return _topics(ORDER_FILLED, one), "0x" + "".join(words)


def _filled_v1(one: _Filled, order: SignedOrder | None) -> tuple[tuple[str, ...], str]:
    del order  # V1 orders carry neither builder nor metadata
    return _topics(ORDER_FILLED_V1, one), "0x" + "".join((*_assets_v1(one), _word(one.fee)))


def _matched(taker: _Filled) -> tuple[tuple[str, ...], str]:
    making, taking = _amounts(taker)
    side = 0 if taker.side is Side.BUY else 1
    words = (_word(side), _word(int(taker.token_id)), _word(making), _word(taking))
    return _topics(ORDERS_MATCHED, taker)[:3], "0x" + "".join(words)


def _matched_v1(taker: _Filled) -> tuple[tuple[str, ...], str]:
    return _topics(ORDERS_MATCHED_V1, taker)[:3], "0x" + "".join(_assets_v1(taker))


def _assets_v1(one: _Filled) -> tuple[str, str, str, str]:
    making, taking = _amounts(one)
    token = _word(int(one.token_id))
    assets = (_ZERO, token) if one.side is Side.BUY else (token, _ZERO)
    return (*assets, _word(making), _word(taking))


def _amounts(one: _Filled) -> tuple[int, int]:
    return (one.cost, one.size) if one.side is Side.BUY else (one.size, one.cost)


def _topics(event: str, one: _Filled) -> tuple[str, ...]:
    return (event, one.order_id, _padded(one.wallet), _padded(one.counterparty))


def _padded(address: str) -> str:
    return f"0x{address.removeprefix('0x').lower():0>64}"


def _bytes32(value: str) -> str:
    return f"{value.removeprefix('0x').lower():0<64}"


def _word(value: int) -> str:
    return f"{value:064x}"
