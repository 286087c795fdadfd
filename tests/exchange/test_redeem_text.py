"""Redemptions are read as they were written."""

import pytest

from exchange.redeem_port import ChainCall, RedeemRequest
from exchange.redeem_text import read_request, write_request
from trading.types import ConditionId, SignatureType, Wallet

REQUEST = RedeemRequest(
    Wallet("0x" + "1" * 40),
    ConditionId("0x" + "2" * 64),
    SignatureType.POLY_1271,
    nonce=7,
    calls=(ChainCall("0x" + "3" * 40, "0x00"),),
    deadline_s=5,
)


def test_a_request_is_read_as_it_was_written() -> None:
    assert read_request(write_request(REQUEST)) == REQUEST


@pytest.mark.parametrize("text", ["", "[]", "{}", write_request(REQUEST).replace("7", '"x"')])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a redemption"):
        read_request(text)
