import dataclasses

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from py_clob_client_v2.order_utils.abi.abis import ABIs

from paper.contract_calls import ContractCalls
from paper.contracts import COLLATERAL, CONDITIONAL_TOKENS, EXCHANGE_V3, POSITION_MANAGER
from paper.contracts import STANDARD_EXCHANGE as EXCHANGE
from paper.rpc_wire import RpcError
from tests.paper.told_venue import CLIENT, YES, ToldVenue

ORDER = "0x" + "0d" * 32


def call(venue: ToldVenue, to: str, signature: str, types: list[str], *values: object) -> bytes:
    data = "0x" + (keccak(text=signature)[:4] + encode(types, values)).hex()
    answer = ContractCalls(venue).call([{"to": to, "data": data}, "latest"])
    return bytes.fromhex(str(answer)[2:])


@pytest.mark.parametrize("name", ["getOrderStatus(bytes32)", "orderStatus(bytes32)"])
@pytest.mark.parametrize("exchange", [EXCHANGE, EXCHANGE_V3.lower()])
def test_an_exchange_tells_what_is_left_of_an_order(name: str, exchange: str) -> None:
    venue = ToldVenue()
    venue.settled[ORDER] = (False, 7_000_000)
    answer = call(venue, exchange, name, ["bytes32"], bytes.fromhex(ORDER[2:]))
    assert decode(["bool", "uint256"], answer) == (False, 7_000_000)
    venue.settled[ORDER] = (True, 0)
    answer = call(venue, exchange, name, ["bytes32"], bytes.fromhex(ORDER[2:]))
    assert decode(["bool", "uint256"], answer) == (True, 0)


def test_an_order_that_never_settled_is_neither_filled_nor_begun() -> None:
    answer = call(ToldVenue(), EXCHANGE, "getOrderStatus(bytes32)", ["bytes32"], b"\x01" * 32)
    assert decode(["bool", "uint256"], answer) == (False, 0)


def test_the_order_state_is_laid_out_as_the_contract_declares_it() -> None:
    [declared] = [e for e in ABIs["exchange_v2"] if e.get("name") == "getOrderStatus"]
    parts = declared["outputs"][0]["components"]
    assert [part["type"] for part in parts] == ["bool", "uint248"]


def test_balances_come_from_the_ledger() -> None:
    venue = ToldVenue()
    venue.balances[CLIENT, None] = 12_500_000
    venue.balances[CLIENT, YES] = 3_000_000
    cash = call(venue, COLLATERAL, "balanceOf(address)", ["address"], CLIENT)
    assert decode(["uint256"], cash) == (12_500_000,)
    for ledger in (CONDITIONAL_TOKENS, POSITION_MANAGER):
        types = ["address", "uint256"]
        held = call(venue, ledger, "balanceOf(address,uint256)", types, CLIENT, int(YES))
        assert decode(["uint256"], held) == (3_000_000,)


def test_many_balances_are_read_at_once() -> None:
    venue = ToldVenue()
    venue.balances[CLIENT, YES] = 3_000_000
    name, types = "balanceOfBatch(address[],uint256[])", ["address[]", "uint256[]"]
    answer = call(venue, POSITION_MANAGER, name, types, [CLIENT, CLIENT], [int(YES), 5])
    assert decode(["uint256[]"], answer) == ((3_000_000, 0),)
    with pytest.raises(RpcError, match="reverted"):
        call(venue, POSITION_MANAGER, name, types, [CLIENT], [])
    with pytest.raises(RpcError, match="reverted"):
        call(venue, POSITION_MANAGER, name, ["address"], CLIENT)


@pytest.mark.parametrize(
    ("payouts", "told"),
    [
        (None, (0, 0, 0)),
        ((1_000_000, 0), (1, 1, 0)),
        ((0, 1_000_000), (1, 0, 1)),
        ((500_000, 500_000), (2, 1, 1)),
    ],
)
def test_a_condition_tells_its_payouts_once_they_are_reported(
    payouts: tuple[int, int] | None, told: tuple[int, int, int]
) -> None:
    venue = ToldVenue()
    market = venue.market_of(YES)
    assert market is not None
    venue.listed = [dataclasses.replace(market, payouts=payouts)]
    condition = bytes.fromhex(market.condition_id[2:])
    denominator = call(
        venue, CONDITIONAL_TOKENS, "payoutDenominator(bytes32)", ["bytes32"], condition
    )
    numerators = [
        call(
            venue,
            CONDITIONAL_TOKENS,
            "payoutNumerators(bytes32,uint256)",
            ["bytes32", "uint256"],
            condition,
            outcome,
        )
        for outcome in (0, 1)
    ]
    assert tuple(int.from_bytes(word) for word in (denominator, *numerators)) == told


def test_everything_is_allowed() -> None:
    pair = ["address", "address"]
    venue = ToldVenue()
    allowed = call(venue, COLLATERAL, "allowance(address,address)", pair, CLIENT, EXCHANGE)
    assert decode(["uint256"], allowed) == ((1 << 256) - 1,)
    name = "isApprovedForAll(address,address)"
    approved = call(venue, CONDITIONAL_TOKENS, name, pair, CLIENT, EXCHANGE)
    assert decode(["bool"], approved) == (True,)
    assert decode(["uint8"], call(venue, COLLATERAL, "decimals()", [])) == (6,)


@pytest.mark.parametrize(
    "request_",
    [
        {"to": EXCHANGE, "data": "0x12345678"},
        {"to": "0x" + "00" * 20, "data": "0x70a08231"},
        {"to": COLLATERAL, "data": "0x70a08231"},
        {"to": COLLATERAL, "data": "0x70a08231" + "00" * 31},
        {"to": COLLATERAL, "data": "0x"},
    ],
)
def test_what_no_contract_knows_reverts(request_: object) -> None:
    with pytest.raises(RpcError, match="reverted") as raised:
        ContractCalls(ToldVenue()).call([request_])
    assert raised.value.code == 3


@pytest.mark.parametrize(
    "request_",
    [
        {},
        None,
        {"to": COLLATERAL},
        {"to": COLLATERAL, "data": 1},
        {"to": COLLATERAL, "data": "0xzz"},
        {"to": COLLATERAL, "data": "0x" + "00" * 6_000},
        {"to": 7, "data": "0x"},
    ],
)
def test_calls_that_cannot_be_read_are_refused(request_: object) -> None:
    with pytest.raises(RpcError, match="expected") as raised:
        ContractCalls(ToldVenue()).call([request_])
    assert raised.value.code == -32602
