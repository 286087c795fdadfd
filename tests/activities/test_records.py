"""What workflows and activities hand each other survives the journey."""

from decimal import Decimal

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.records import Assessment, Attempt, ExitStep, FillReport, PositionStart
from tests.storage.builders import order_hash, price, shares
from trading.types import (
    ExitReason,
    ExitRequest,
    OrderState,
    PositionId,
    Reason,
    Side,
    SignalId,
)

ENTRY = Attempt(1, Side.BUY, shares("10.5"), price("0.44"), signal_id=SignalId("s"))
EXIT = Attempt(
    2,
    Side.SELL,
    shares(3),
    None,
    position_id=PositionId("p"),
    exit_epoch=4,
    exit_reason=ExitReason.STOP_LOSS,
)
REPORT = FillReport(
    order_hash=order_hash("s#1"),
    state=OrderState.CANCELLED,
    size=shares(10),
    matched=shares(4),
    confirmed=shares(0),
    is_done=False,
    is_accepted=False,
    may_retry=True,
    position_id=PositionId("p"),
    summary="",
)
STEP = ExitStep(4, ExitReason.STOP_LOSS, shares(3), 2, False, EXIT, "", (order_hash("x"),))
START = PositionStart(PositionId("p"), (ExitRequest(ExitReason.OPERATOR, Decimal("0.5")),))


def test_an_attempt_has_one_name_for_good() -> None:
    assert ENTRY.key == "s#1"
    assert EXIT.key == "p#exit-4-2"


def test_the_next_attempt_trades_what_is_left() -> None:
    assert REPORT.leaves == 6
    following = ENTRY.next(REPORT.leaves)
    assert (following.key, following.size) == ("s#2", shares(6))


def test_a_refused_assessment_is_not_copied() -> None:
    assert Assessment(SignalId("s"), Side.BUY, "").is_copied
    assert not Assessment(SignalId("s"), Side.BUY, "", Reason.NO_EDGE).is_copied


@pytest.mark.parametrize(
    "record", [ENTRY, EXIT, REPORT, STEP, START], ids=lambda r: type(r).__name__
)
def test_a_record_comes_out_of_a_payload_as_it_went_in(record: object) -> None:
    converter = pydantic_data_converter.payload_converter
    payloads = converter.to_payloads([record])
    assert converter.from_payloads(payloads, [type(record)]) == [record]
