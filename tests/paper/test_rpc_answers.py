from typing import Any

import pytest

from paper.rpc_answers import ChainAnswers
from paper.rpc_wire import RpcError
from tests.paper.told_venue import HASH, ToldVenue, a_log

TOPIC, OTHER_TOPIC = "0x" + "aa" * 32, "0x" + "bb" * 32
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"


@pytest.fixture
def venue() -> ToldVenue:
    venue = ToldVenue()
    venue.chain = [
        a_log(990, (TOPIC, OTHER_TOPIC), EXCHANGE),
        a_log(995, (OTHER_TOPIC, TOPIC), EXCHANGE, 1),
        a_log(1_000, (TOPIC, TOPIC), "0x" + "99" * 20, 2),
    ]
    return venue


def ask(venue: ToldVenue, method: str, *params: object) -> Any:
    return ChainAnswers(venue).methods[method](params)


def test_the_chain_is_polygon(venue: ToldVenue) -> None:
    assert ask(venue, "eth_chainId") == "0x89"
    assert ask(venue, "net_version") == "137"
    assert ask(venue, "eth_syncing") is False
    assert ask(venue, "web3_clientVersion")
    assert int(ask(venue, "eth_gasPrice"), 16) > 0


def test_logs_are_found_by_range_address_and_topics(venue: ToldVenue) -> None:
    def found(**options: object) -> list[str]:
        rows = ask(venue, "eth_getLogs", {"fromBlock": "0x3de", "toBlock": "latest", **options})
        return [row["logIndex"] for row in rows]

    assert found() == ["0x0", "0x1", "0x2"]
    assert found(fromBlock="0x3e0") == ["0x1", "0x2"]
    assert found(toBlock="0x3e0") == ["0x0"]
    assert found(address=EXCHANGE) == ["0x0", "0x1"]
    assert found(address=[EXCHANGE.lower(), "0x" + "99" * 20]) == ["0x0", "0x1", "0x2"]
    assert found(topics=[TOPIC.upper().replace("X", "x")]) == ["0x0", "0x2"]
    assert found(topics=[None, [OTHER_TOPIC, TOPIC]]) == ["0x0", "0x1", "0x2"]
    assert found(topics=[[TOPIC], OTHER_TOPIC]) == ["0x0"]
    assert found(topics=[TOPIC, TOPIC, None]) == []


def test_logs_default_to_the_newest_block(venue: ToldVenue) -> None:
    [row] = ask(venue, "eth_getLogs", {})
    assert (row["blockNumber"], row["removed"], row["transactionHash"]) == ("0x3e8", False, HASH)


def test_blocks_beyond_the_head_hold_nothing(venue: ToldVenue) -> None:
    assert ask(venue, "eth_getLogs", {"fromBlock": "0x3e9", "toBlock": "0x3ff"}) == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"fromBlock": "earliest"}, None),
        ({"fromBlock": "earliest", "toBlock": "0xffff"}, None),
        ({"fromBlock": 1}, -32602),
        ({"fromBlock": "soon"}, -32602),
        ({"address": "0x12"}, -32602),
        ({"topics": "x"}, -32602),
        ({"topics": [None] * 5}, -32602),
        ({"topics": [["0x1"]]}, -32602),
        ({"address": [EXCHANGE] * 1_001}, -32005),
        ({"blockHash": HASH}, -32602),
        (None, -32602),
        ("x", -32602),
    ],
)
def test_filters_that_cannot_be_read_are_refused(
    venue: ToldVenue, options: object, code: int | None
) -> None:
    if code is None:
        assert ask(venue, "eth_getLogs", options)
        return
    with pytest.raises(RpcError) as raised:
        ask(venue, "eth_getLogs", options)
    assert raised.value.code == code


def test_a_range_of_more_than_2000_blocks_is_refused(venue: ToldVenue) -> None:
    venue.head = 5_000
    assert ask(venue, "eth_getLogs", {"fromBlock": hex(3_001)}) == []
    with pytest.raises(RpcError, match="2000") as raised:
        ask(venue, "eth_getLogs", {"fromBlock": hex(3_000)})
    assert raised.value.code == -32005


def test_blocks_are_told_by_number_and_tag(venue: ToldVenue) -> None:
    latest = ask(venue, "eth_getBlockByNumber", "latest", False)
    assert latest["number"] == "0x3e8"
    assert latest["transactions"] == [HASH]
    before = ask(venue, "eth_getBlockByNumber", "0x3e7")
    assert latest["parentHash"] == before["hash"]
    assert int(latest["timestamp"], 16) - int(before["timestamp"], 16) == 2
    assert ask(venue, "eth_getBlockByNumber", "0xffff") is None


def test_a_transaction_is_known_by_its_logs(venue: ToldVenue) -> None:
    receipt = ask(venue, "eth_getTransactionReceipt", HASH)
    assert (receipt["status"], len(receipt["logs"])) == ("0x1", 3)
    assert ask(venue, "eth_getTransactionReceipt", "0x" + "00" * 32) is None
