"""A chain that goes on is told from one that was reorganised."""

from exchange.polymarket.chain_blocks import BLOCKS_MAX, ChainBlocks
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_chain import HeadRow


def head(number: int, own: str, parent: str) -> HeadRow:
    row = {"number": hex(number), "timestamp": "0x10", "hash": own, "parentHash": parent}
    return parse(HeadRow, row)


def test_only_a_block_that_replaces_one_or_has_another_parent_is_a_fork() -> None:
    blocks = ChainBlocks()
    assert not blocks.take(head(7, "a7", "a6"))
    assert not blocks.take(head(8, "a8", "a7"))
    assert not blocks.take(head(8, "a8", "a7"))
    assert blocks.take(head(8, "b8", "a7"))
    assert not blocks.take(head(9, "b9", "b8"))
    assert blocks.take(head(10, "c10", "c9"))
    assert not blocks.take(head(20, "d20", "d19"))


def test_the_oldest_blocks_are_forgotten() -> None:
    blocks = ChainBlocks()
    for number in range(BLOCKS_MAX + 1):
        blocks.take(head(number, f"a{number}", f"a{number - 1}"))
    assert blocks.time_of(0) is None
    assert blocks.time_of(1) is not None
