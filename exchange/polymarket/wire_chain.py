"""The chain's JSON-RPC: answers, subscriptions and the logs of filled orders."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from exchange.polymarket.wire import (
    FilledText,
    Text,
    UnfitError,
    WireHash,
    WireModel,
    WireWallet,
    parse,
)
from exchange.port import UnavailableError, WireError
from trading.types import OrderHash, Shares, Side, TokenId, Usd, Wallet

ORDER_FILLED = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee"
"""Topic of `OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,
bytes32)`, which the exchanges of CLOB V2 and Protocol V2 share."""

_WORD = 64
_WORDS_OF_FILL = 7
_MICROS_MAX = 10**21


def _to_quantity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UnfitError(f"expected a quantity, received {type(value).__name__}")
    number = int(value, 16) if isinstance(value, str) else value
    if not 0 <= number < 1 << 64:
        raise UnfitError("expected a quantity of 64 bits")
    return number


def _to_optional_quantity(value: object) -> int | None:
    return None if value is None else _to_quantity(value)


Quantity = Annotated[int, BeforeValidator(_to_quantity)]
OptionalQuantity = Annotated[int | None, BeforeValidator(_to_optional_quantity)]


class LogRow(WireModel):
    """One log, as `eth_getLogs` and subscriptions give it."""

    address: WireWallet
    topics: tuple[WireHash, ...]
    data: FilledText
    transaction_hash: WireHash = Field(validation_alias="transactionHash")
    log_index: Quantity = Field(validation_alias="logIndex")
    block_number: Quantity = Field(validation_alias="blockNumber")
    block_hash: Text = Field("", validation_alias="blockHash")
    block_timestamp: OptionalQuantity = Field(None, validation_alias="blockTimestamp")
    removed: bool = False


@dataclass(frozen=True, slots=True)
class FillLog:
    """A decoded `OrderFilled`: whose order was filled, by how much, in exact units.

    `wallet` owns the order; `is_taker` says that it was the aggressor, for then the log names the
    exchange as its counterparty. Sizes are micro-units on chain; the fee is in pUSD.
    """

    order_hash: OrderHash
    wallet: Wallet
    is_taker: bool
    side: Side
    token_id: TokenId
    size: Shares
    cost: Usd
    fee: Usd


def fill_of(log: LogRow) -> FillLog:
    """Decode an `OrderFilled`; a BUY gives pUSD for shares, a SELL the other way round."""
    if len(log.topics) != 4 or log.topics[0] != ORDER_FILLED:
        raise WireError(f"expected an OrderFilled log, received topics {log.topics}")
    side, token, making, taking, fee, *_ = words_of(log.data, _WORDS_OF_FILL)
    if side not in (0, 1) or not making or not taking:
        raise WireError(f"expected a side and two amounts, received {side}, {making}, {taking}")
    cost, size = (making, taking) if side == 0 else (taking, making)
    return FillLog(
        order_hash=log.topics[1],
        wallet=_address(log.topics[2]),
        is_taker=_address(log.topics[3]) == log.address,
        side=Side.BUY if side == 0 else Side.SELL,
        token_id=TokenId(str(token)),
        size=Shares(_from_micros(size)),
        cost=Usd(_from_micros(cost)),
        fee=Usd(_from_micros(fee)),
    )


def _address(topic: str) -> Wallet:
    return Wallet("0x" + topic[-40:])


def _from_micros(micros: int) -> Decimal:
    if micros >= _MICROS_MAX:
        raise WireError(f"expected an amount below 10^15, received {micros} micro-units")
    return Decimal(micros) / 1_000_000


class RpcMessage(WireModel):
    """An answer (`id`) or a subscription's notice (`method`)."""

    id: int | str | None = None
    method: Text = ""
    result: object = None
    error: object = None
    params: dict[str, object] = Field(default_factory=dict)


class BlockRow(WireModel):
    """A block, of which the time is read."""

    timestamp: Quantity


class HeadRow(BlockRow):
    """A new block's header."""

    number: Quantity
    hash: Text = ""
    parent_hash: Text = Field("", validation_alias="parentHash")


class ReceiptRow(WireModel):
    """A mined transaction's receipt, of which the block is read."""

    block_hash: FilledText = Field(validation_alias="blockHash")


def read_result(payload: object) -> object:
    """Return the result of a call; raise UnavailableError when the node answered an error."""
    message = parse(RpcMessage, payload)
    if message.error is not None:
        raise UnavailableError(f"the node answered {str(message.error)[:300]}")
    return message.result


def read_quantity(value: object) -> int:
    """Return a number of the node, as a block number."""
    try:
        return _to_quantity(value)
    except ValueError as error:
        raise WireError(f"expected a quantity, received {str(value)[:80]!r}") from error


def words_of(data: object, count: int) -> list[int]:
    """Return the first 32-byte words of returned or logged data as numbers."""
    text = data.removeprefix("0x") if isinstance(data, str) else ""
    try:
        words = [int(text[i * _WORD : (i + 1) * _WORD], 16) for i in range(count)]
    except ValueError as error:
        raise WireError(f"expected {count} words of data, received {str(data)[:80]!r}") from error
    if len(text) < count * _WORD or any(word < 0 for word in words):
        raise WireError(f"expected {count} words of data, received {len(text)} digits")
    return words
