"""Tests of the methods by which plain keys send; the client's own tests redeem through them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from paper.chain_faults import NodeDownError
from paper.faults import Fault, FaultPlan, Point
from paper.rpc_answers import ChainAnswers
from paper.rpc_wire import RpcError
from tests.paper.posted_orders import address_of, key_number
from tests.paper.test_office import Room, redeem_call

KEY = key_number(46)
SENDER = address_of(KEY)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.venue.close()


def ask(room: Room, method: str, *params: object) -> object:
    return ChainAnswers(room.venue).methods[method](params)


def raw(nonce: int = 0) -> str:
    call = redeem_call()
    signed = Account.sign_transaction(
        {
            "to": call.target,
            "value": 0,
            "data": call.data,
            "gas": 200_000,
            "gasPrice": 1,
            "nonce": nonce,
            "chainId": 137,
        },
        KEY,
    )
    return "0x" + bytes(signed.raw_transaction).hex()


def test_a_transaction_is_sent_counted_and_given_a_receipt(room: Room) -> None:
    name = ask(room, "eth_sendRawTransaction", raw())
    assert ask(room, "eth_getTransactionCount", SENDER, "pending") == "0x1"
    assert ask(room, "eth_getTransactionCount", SENDER, "latest") == "0x0"
    assert ask(room, "eth_getTransactionReceipt", name) is None
    room.pass_by(2)
    assert ask(room, "eth_getTransactionCount", SENDER, "latest") == "0x1"
    receipt = ask(room, "eth_getTransactionReceipt", name)
    assert isinstance(receipt, dict)
    assert (receipt["status"], receipt["transactionHash"]) == ("0x1", name)
    with pytest.raises(RpcError, match="nonce too low"):
        ask(room, "eth_sendRawTransaction", raw())


def test_a_reverted_transaction_says_so(room: Room) -> None:
    room.venue.put_faults(FaultPlan((Fault(Point.RELAY, "revert"),)))
    name = ask(room, "eth_sendRawTransaction", raw())
    room.pass_by(2)
    receipt = ask(room, "eth_getTransactionReceipt", name)
    assert isinstance(receipt, dict)
    assert receipt["status"] == "0x0"


def test_gas_is_estimated(room: Room) -> None:
    assert int(str(ask(room, "eth_estimateGas", {})), 16) > 21_000


@pytest.mark.parametrize("sent", [None, 7, "0xzz", "0x0", "0x1234", "0x" + "00" * 30_000])
def test_what_is_no_transaction_is_refused(room: Room, sent: object) -> None:
    with pytest.raises(RpcError):
        ask(room, "eth_sendRawTransaction", sent)


@pytest.mark.parametrize(("fault", "taken"), [("error_before", "0x0"), ("drop_after", "0x1")])
def test_the_node_may_be_lost_before_or_after(room: Room, fault: str, taken: str) -> None:
    room.venue.put_faults(FaultPlan((Fault(Point.RELAY, fault, count=1),)))
    with pytest.raises(NodeDownError):
        ask(room, "eth_sendRawTransaction", raw())
    assert ask(room, "eth_getTransactionCount", SENDER, "pending") == taken
