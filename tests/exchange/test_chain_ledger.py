"""Nodes that disagree, lag and reorganise tell each log once, and what is true in the end."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from exchange.polymarket import chain_ledger
from exchange.polymarket.chain_ledger import ChainLedger
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_chain import LogRow
from tests.exchange.chain_logs import log_row
from tests.exchange.samples import AT, TX
from tests.storage.builders import whale_fill
from trading.types import WhaleFill

A, B = "0x" + "aa" * 32, "0x" + "bb" * 32


class Nodes:
    """A ledger, and what is counted of all it passed on, by log index and block."""

    def __init__(self) -> None:
        self.ledger = ChainLedger()
        self.counted: dict[tuple[str, int | None], int] = {}

    def tell(
        self, node: int, fork: str, index: int = 1, *, block: int = 70, removed: bool = False
    ) -> list[bool]:
        """Tell a log and return of each fill that passed whether it takes back."""
        changes = {"blockHash": fork, "logIndex": hex(index), "blockNumber": hex(block)}
        log = parse(LogRow, log_row(None, **changes, removed=removed))
        fill = _fill(log)
        return self.take(self.ledger.hear(node, log, fill))

    def take(self, told: object) -> list[bool]:
        assert isinstance(told, tuple)
        for each in told:
            place = (str(each.log_index), each.block_number)
            self.counted[place] = self.counted.get(place, 0) + (-1 if each.removed else 1)
        return [each.removed for each in told]


def _fill(log: LogRow) -> WhaleFill:
    fill = whale_fill(tx=TX, log_index=log.log_index, block_number=log.block_number)
    return replace(fill, removed=log.removed)


def test_a_lagging_node_neither_doubles_nor_brings_back() -> None:
    nodes = Nodes()
    assert nodes.tell(1, A) == [False]
    assert nodes.tell(2, A) == []
    assert nodes.tell(1, A, removed=True) == [True]
    assert nodes.tell(2, A) == []
    assert nodes.tell(2, A, removed=True) == []
    assert nodes.tell(3, A) == []


def test_a_removal_of_a_replaced_block_leaves_the_new_one_alone() -> None:
    """The second node is on the new fork before the first one says that the old one is gone."""
    nodes = Nodes()
    assert nodes.tell(1, A) == [False]
    assert nodes.tell(2, B) == []
    assert nodes.tell(1, A, removed=True) == []
    assert nodes.tell(1, B) == []
    assert nodes.tell(3, A) == []


def test_the_node_that_removed_a_log_may_bring_it_back() -> None:
    nodes = Nodes()
    told = [nodes.tell(1, A), nodes.tell(1, A, removed=True), nodes.tell(1, A)]
    assert told == [[False], [True], [False]]


def test_a_removal_of_what_was_told_before_the_start_passes_once() -> None:
    nodes = Nodes()
    assert nodes.tell(1, A, removed=True) == [True]
    assert nodes.tell(2, A, removed=True) == []


def test_another_block_takes_all_of_a_transaction_back() -> None:
    nodes = Nodes()
    nodes.tell(1, A, 1)
    nodes.tell(1, A, 2)
    assert nodes.tell(1, B, 4, block=71) == [True, True, False]
    assert nodes.tell(1, B, 5, block=71) == [False]
    assert {place: n for place, n in nodes.counted.items() if n} == {("4", 71): 1, ("5", 71): 1}


@pytest.mark.parametrize("seed", range(200))
def test_in_any_order_each_log_of_the_last_fork_is_counted_once(seed: int) -> None:
    """Two nodes tell fork A, remove it or not, and tell fork B; each keeps its own order."""
    rng = random.Random(seed)
    nodes = Nodes()
    scripts = {node: _script(rng) for node in (1, 2)}
    while any(scripts.values()):
        node = rng.choice([n for n, left in scripts.items() if left])
        fork, index, block, removed = scripts[node].pop(0)
        nodes.tell(node, fork, index, block=block, removed=removed)
    assert {place: n for place, n in nodes.counted.items() if n} == {("4", 71): 1, ("5", 71): 1}


def _script(rng: random.Random) -> list[tuple[str, int, int, bool]]:
    old = [(A, index, 70, False) for index in (1, 2)][: rng.choice((0, 2))]
    gone = [(A, index, 70, True) for _, index, _, _ in old] if rng.random() < 0.5 else []
    return [*old, *gone, *[(B, index, 71, False) for index in (4, 5)]]


def test_what_is_in_no_block_is_taken_back_and_what_is_in_its_block_stays() -> None:
    nodes = Nodes()
    nodes.tell(1, A)
    assert nodes.ledger.unseen((60, 80), {whale_fill().wallet}, ()) == (TX,)
    assert nodes.ledger.unseen((60, 80), {whale_fill().wallet}, {(TX, A, 1)}) == ()
    assert nodes.ledger.unseen((71, 80), {whale_fill().wallet}, ()) == ()
    assert nodes.ledger.unseen((60, 80), (), ()) == ()
    assert nodes.take(nodes.ledger.settle(1, TX, A, AT)) == []
    assert nodes.take(nodes.ledger.settle(1, TX, "", AT + timedelta(seconds=1))) == [True]
    assert nodes.take(nodes.ledger.settle(1, "0xother", "", AT)) == []
    assert nodes.tell(2, A) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_ledger, "TRANSACTIONS_MAX", 2)
    ledger = ChainLedger()
    for number in range(4):
        row = log_row(None, transactionHash="0x" + f"{number:064x}")
        log = parse(LogRow, row)
        fill = whale_fill(tx=log.transaction_hash, block_number=70)
        assert ledger.hear(1, log, fill)
        assert ledger.hear(1, log.model_copy(update={"removed": True}), replace(fill, removed=True))
    assert len(ledger.told_alone(100, 2)) <= 2


def test_a_block_of_the_same_height_may_put_another_log_at_an_index() -> None:
    """Two orders of one transaction move up by one index; the second one is told first."""
    ledger = ChainLedger()
    counted = Decimal(0)
    told = [(A, 9, "700"), (A, 10, "400"), (B, 9, "400"), (B, 8, "700")]
    for fork, index, size in told:
        log = parse(LogRow, log_row(None, blockHash=fork, logIndex=hex(index)))
        fill = whale_fill(size, tx=TX, log_index=index, block_number=70)
        for each in ledger.hear(1, log, fill):
            counted += -each.size if each.removed else each.size
    assert counted == 1100
