"""Tests of blocks that are taken back and mined again."""

from paper.chain import Chain, Receipt
from paper.faults import Fault, FaultPlan, Faults, Point
from paper.model import BlockMined, LogsRemoved, VenueEvent
from paper.reorgs import Reorgs

TRADE = Receipt("0xaa", "0xee", ((("0xa",), "0x"),))


class Told:
    """A chain under a plan, with everything that was published."""

    def __init__(self, **changes: object) -> None:
        rule = Fault(at=Point.CHAIN, fault="reorg", **changes)  # type: ignore[arg-type]
        self.faults = Faults(FaultPlan((rule,)))
        self.chain = Chain(100)
        self.events: list[VenueEvent] = []
        self.reorgs = Reorgs(self.chain, self.faults, self.events.append)

    def mine(self, now: int, *receipts: Receipt) -> None:
        number, logs = self.chain.mine(now, receipts)
        self.reorgs.watch(number, logs, now)
        self.reorgs.step(now)


def test_a_blocks_logs_go_and_come_again_in_another_one() -> None:
    told = Told()
    told.mine(1_000, TRADE)
    removed, mined = told.events
    assert isinstance(removed, LogsRemoved)
    assert isinstance(mined, BlockMined)
    assert [log.removed for log in (*removed.logs, *mined.logs)] == [True, False]
    assert removed.logs[0].block_hash != mined.logs[0].block_hash
    assert told.faults.struck == (1,)


def test_later_blocks_go_with_the_one_that_is_taken_back() -> None:
    told = Told(delay_ms=3_000, count=1)
    told.mine(1_000, TRADE)
    told.mine(3_000)
    assert told.events == []
    told.reorgs.step(4_000)
    told.reorgs.step(4_000)
    assert [type(event) for event in told.events] == [LogsRemoved, BlockMined, BlockMined]


def test_empty_blocks_stay() -> None:
    told = Told()
    told.mine(1_000)
    assert told.events == []
    assert told.faults.struck == (0,)


def test_what_was_planned_ends_with_the_plan() -> None:
    told = Told(delay_ms=3_000)
    told.mine(1_000, TRADE)
    told.faults.replace(FaultPlan())
    told.reorgs.step(9_000)
    assert told.events == []
