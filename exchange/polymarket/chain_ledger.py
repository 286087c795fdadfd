"""What all nodes together told of the chain: each log once, and replaced ones taken back."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from exchange.polymarket.wire_chain import LogRow
from trading.types import Wallet, WhaleFill

TRANSACTIONS_MAX = 20_000
"""Transactions remembered; a reorganisation concerns the last few blocks."""

LogKey = tuple[str, str, int]
"""Transaction, block hash, log index: one log on one fork of the chain."""


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log that was passed on, and the block that it was told in."""

    block_hash: str
    fill: WhaleFill


@dataclass(slots=True)
class _Transaction:
    logs: dict[int, KnownLog] = field(default_factory=dict)
    nodes: set[int] = field(default_factory=set)
    is_compared: bool = False


class ChainLedger:
    """Merges the nodes' reports. A transaction is in one block only.

    So a log told in another block takes the earlier one back, although no node said `removed`:
    nodes that reorganise while they are not listened to never say it. A removal concerns the
    block it names and no later one. What was removed comes back only by the node that removed
    it; another node that tells it merely lags behind.
    """

    def __init__(self) -> None:
        """Start with nothing told."""
        self._told: OrderedDict[str, _Transaction] = OrderedDict()
        self._dead: OrderedDict[LogKey, int] = OrderedDict()

    def hear(self, node: int, log: LogRow, fill: WhaleFill) -> Sequence[WhaleFill]:
        """Return what a node's log changes: fills taken back, then the fill itself."""
        if log.removed:
            return self._remove(node, log, fill)
        if not self._may_live(node, key_of(log)):
            return ()
        known = self._told.setdefault(log.transaction_hash, _Transaction())
        known.nodes.add(node)
        same = known.logs.get(log.log_index)
        if same is not None and same.block_hash == log.block_hash:
            return ()
        if same is not None and _terms(same.fill) == _terms(fill):
            self._bury((log.transaction_hash, same.block_hash, log.log_index), node)
            known.logs[log.log_index] = replace(same, block_hash=log.block_hash)
            return ()  # another block of the same height, and nothing else is new
        gone = self._take_back(node, known, log.block_hash, fill.seen_at)
        known.logs[log.log_index] = KnownLog(log.block_hash, fill)
        self._forget_oldest()
        return (*gone, fill)

    def unseen(
        self, blocks: tuple[int, int], wallets: Collection[Wallet], seen: Collection[LogKey]
    ) -> Sequence[str]:
        """Return transactions told earlier in a range of blocks of which these logs say nothing."""
        first, last = blocks
        return tuple(
            transaction
            for transaction, known in self._told.items()
            if any(
                first <= (log.fill.block_number or 0) <= last
                and log.fill.wallet in wallets
                and (transaction, log.block_hash, index) not in seen
                for index, log in known.logs.items()
            )
        )

    def settle(
        self, node: int, transaction: str, block_hash: str, now: datetime
    ) -> Sequence[WhaleFill]:
        """Take back what was told of a transaction in any other block; "" says it is in none."""
        known = self._told.get(transaction)
        return () if known is None else self._take_back(node, known, block_hash, now)

    def told_alone(self, block: int, nodes: int) -> Sequence[str]:
        """Return transactions up to a block that fewer than `nodes` nodes told, each once."""
        found = []
        for transaction, known in self._told.items():
            if known.is_compared:
                continue
            blocks = [log.fill.block_number or 0 for log in known.logs.values()]
            if not blocks or max(blocks) > block:
                continue
            known.is_compared = True
            if len(known.nodes) < nodes:
                found.append(transaction)
        return tuple(found)

    def _may_live(self, node: int, key: LogKey) -> bool:
        """Tell whether a log is to be believed; the node that removed it may bring it back."""
        if key not in self._dead:
            return True
        if self._dead[key] != node:
            return False
        del self._dead[key]
        return True

    def _remove(self, node: int, log: LogRow, fill: WhaleFill) -> Sequence[WhaleFill]:
        is_repeated = key_of(log) in self._dead
        self._bury(key_of(log), node)
        known = self._told.get(log.transaction_hash)
        if known is None:  # it was told before we listened
            return () if is_repeated else (fill,)
        told = known.logs.get(log.log_index)
        if told is None or told.block_hash != log.block_hash:
            return ()
        del known.logs[log.log_index]
        return (fill,)

    def _take_back(
        self, node: int, known: _Transaction, block_hash: str, now: datetime
    ) -> Sequence[WhaleFill]:
        gone = [(i, log) for i, log in known.logs.items() if log.block_hash != block_hash]
        for index, log in gone:
            del known.logs[index]
            self._bury((log.fill.transaction_hash, log.block_hash, index), node)
        return tuple(replace(log.fill, removed=True, seen_at=now) for _, log in gone)

    def _bury(self, key: LogKey, node: int) -> None:
        self._dead[key] = node
        if len(self._dead) > TRANSACTIONS_MAX:
            self._dead.popitem(last=False)

    def _forget_oldest(self) -> None:
        if len(self._told) > TRANSACTIONS_MAX:
            self._told.popitem(last=False)


def key_of(log: LogRow) -> LogKey:
    """Return what tells a log from all others on all forks."""
    return log.transaction_hash, log.block_hash, log.log_index


def _terms(fill: WhaleFill) -> tuple[object, ...]:
    """Return what is filled at which height: another block may put another log at an index."""
    return fill.block_number, fill.order_hash, fill.token_id, fill.side, fill.size, fill.price
