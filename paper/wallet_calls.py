"""What wallets ask of the chain: calls of its contracts, and how wallets pack them."""

from dataclasses import dataclass

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from paper.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    NEG_RISK_COLLATERAL_ADAPTER,
    PROTOCOL_V2_ROUTER,
)

CALLS_MAX = 100
REDEEM_CTF = "01b7037c"  # redeemPositions(address,bytes32,bytes32,uint256[])
REDEEM_V2 = "d217a3cc"  # redeem(bytes31,uint256,uint256)
MULTI_SEND = "8d80ff0a"  # multiSend(bytes)
PROXY = "34ee9791"  # proxy((uint8,address,uint256,bytes)[])
_ADAPTERS = {COLLATERAL_ADAPTER.lower(): False, NEG_RISK_COLLATERAL_ADAPTER.lower(): True}
_PACKED_HEAD = 1 + 20 + 32 + 32  # operation, target, value and the length of the data
_PLAIN_CALL, _TYPE_CALL = 0, 1


class CallError(Exception):
    """A call cannot be read, or no contract of this venue knows it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a contract; the data is 0x and hexadecimal digits."""

    target: str
    data: str
    value: int = 0


@dataclass(frozen=True, slots=True)
class CtfRedeem:
    """Give back whatever is held of a CTF market, through one of the collateral adapters."""

    condition_id: str
    neg_risk: bool


@dataclass(frozen=True, slots=True)
class RouterRedeem:
    """Give back a number of one outcome's positions of a Protocol V2 market."""

    condition_id: str  # with a last byte of zero, as the market is listed
    outcome: int
    size: int


def read_redeem(call: Call) -> CtfRedeem | RouterRedeem:
    """Read a call that redeems; raise CallError for every other one."""
    target, selector = call.target.lower(), call.data[2:10]
    if call.value:
        raise CallError("a redemption takes no POL along")
    if target in _ADAPTERS and selector == REDEEM_CTF:
        return _read_ctf(call, neg_risk=_ADAPTERS[target])
    if target == PROTOCOL_V2_ROUTER.lower() and selector == REDEEM_V2:
        condition, outcome, size = _decode(["bytes31", "uint256", "uint256"], call.data)
        assert isinstance(condition, bytes)
        return RouterRedeem(f"0x{condition.hex()}00", _number(outcome), _number(size))
    raise CallError(f"no contract of this venue answers {call.data[:10]} at {call.target}")


def _read_ctf(call: Call, *, neg_risk: bool) -> CtfRedeem:
    kinds = ["address", "bytes32", "bytes32", "uint256[]"]
    collateral, parent, condition, index_sets = _decode(kinds, call.data)
    if str(collateral).lower() != COLLATERAL.lower() or parent != bytes(32):
        raise CallError(f"expected pUSD and no parent collection, got {collateral}")
    if index_sets != (1, 2):
        raise CallError(f"expected both outcomes' index sets, got {index_sets}")
    assert isinstance(condition, bytes)
    return CtfRedeem(f"0x{condition.hex()}", neg_risk)


def read_proxied(data: str) -> tuple[Call, ...]:
    """Read the calls that a proxy factory is asked to make."""
    if data[2:10] != PROXY:
        raise CallError(f"expected a call of proxy(), got {data[:10]}")
    (packed,) = _decode(["(uint8,address,uint256,bytes)[]"], data)
    assert isinstance(packed, tuple)
    if any(kind != _TYPE_CALL for kind, *_ in packed) or not 0 < len(packed) <= CALLS_MAX:
        raise CallError("expected plain calls")
    return tuple(
        Call(to_checksum_address(target), f"0x{inner.hex()}", value)
        for _, target, value, inner in packed
    )


def read_multi_send(data: str) -> tuple[Call, ...]:
    """Read the calls that a safe delegates to the multi-send contract."""
    if data[2:10] != MULTI_SEND:
        raise CallError(f"expected a call of multiSend(), got {data[:10]}")
    (packed,) = _decode(["bytes"], data)
    assert isinstance(packed, bytes)
    calls: list[Call] = []
    while packed:
        call, packed = _take_packed(packed)
        calls.append(call)
        if len(calls) > CALLS_MAX:
            raise CallError(f"expected {CALLS_MAX} calls at most")
    return tuple(calls)


def _take_packed(packed: bytes) -> tuple[Call, bytes]:
    length = int.from_bytes(packed[53:_PACKED_HEAD])
    end = _PACKED_HEAD + length
    if len(packed) < end or packed[0] != _PLAIN_CALL:
        raise CallError("malformed calls for multiSend()")
    target = to_checksum_address(packed[1:21])
    data = packed[_PACKED_HEAD:end].hex()
    return Call(target, f"0x{data}", int.from_bytes(packed[21:53])), packed[end:]


def _decode(kinds: list[str], data: str) -> tuple[object, ...]:
    try:
        found: tuple[object, ...] = decode(kinds, bytes.fromhex(data[10:]))
    except (DecodingError, OverflowError, ValueError) as error:
        raise CallError(f"malformed call data: {error}") from error
    return found


def _number(value: object) -> int:
    assert isinstance(value, int), f"expected a number, decoded {value!r}"
    return value
