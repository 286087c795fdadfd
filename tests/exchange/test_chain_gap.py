"""What a node was not asked for yet is asked for once, and again after a lost socket."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket.chain_gap import GAP_BLOCKS_MAX, BlockRange, ChainGap


def test_a_position_ahead_of_the_node_is_not_believed() -> None:
    gap = ChainGap(30, since=10**12)
    assert gap.plan(1000) == [BlockRange(970, 1000)]
    gap.answered(BlockRange(970, 1000))
    assert gap.complete == 1000


def test_a_gap_is_bounded_and_begins_at_no_negative_block() -> None:
    gap = ChainGap(30, since=1)
    assert gap.plan(1_000_000)[0].first == 1_000_000 - GAP_BLOCKS_MAX
    assert ChainGap(30).plan(7) == [BlockRange(0, 7)]


def test_a_single_block_has_no_halves() -> None:
    gap = ChainGap(0, since=9)
    (blocks,) = ChainGap(0).plan(9)
    assert gap.refused(blocks) == ()


@given(st.integers(0, 5000), st.integers(0, 5000), st.data())
def test_ranges_and_their_halves_cover_everything_since_what_was_seen(
    since: int, ahead: int, data: st.DataObject
) -> None:
    gap = ChainGap(30, since=since)
    asked = list(gap.plan(since + ahead))
    covered: set[int] = set()
    while asked:
        blocks = asked.pop()
        halves = gap.refused(blocks) if data.draw(st.booleans()) else ()
        if halves:
            asked.extend(halves)
        else:
            gap.answered(blocks)
            covered |= set(range(blocks.first, blocks.last + 1))
    assert covered >= set(range(since + 1, since + ahead + 1))
    assert gap.complete == since + ahead


def test_a_lost_socket_goes_back_to_what_was_complete() -> None:
    gap = ChainGap(0, since=100)
    (blocks,) = gap.plan(150)
    gap.saw(151)
    assert gap.complete == blocks.first - 1
    gap.lose()
    assert gap.complete == blocks.first - 1
    gap.lose(untold=blocks.first - 10)
    assert gap.complete == blocks.first - 11
