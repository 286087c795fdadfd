"""What clients send to the CLOB: JSON bodies and query strings, parsed once into typed records."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NoReturn, TypeAlias, TypeVar

from eth_utils.address import is_address, to_checksum_address
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from paper.model import OrderRefusedError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

INVALID_PAYLOAD = "Invalid order payload"
VERSION_MISMATCH = "order_version_mismatch"
FIRST_CURSOR = "MA=="
END_CURSOR = "LTE="
MAX_ORDERS = 15
MAX_CANCELS = 1000
MAX_TOKENS = 500
_UINT256 = (1 << 256) - 1
_MAX_PAGE_OFFSET = 10**12
_DIGITS = re.compile(r"[0-9]{1,78}\Z")

Model = TypeVar("Model", bound="Body")


def _uint256(value: object) -> int:
    if not isinstance(value, str) or _DIGITS.match(value) is None or int(value) > _UINT256:
        raise ValueError("expected a string of decimal digits that fits 256 bits")
    return int(value)


def _address(value: str) -> str:
    if not is_address(value) or not value.startswith("0x"):
        raise ValueError("expected an address")
    return to_checksum_address(value)


def _hex_bytes(value: object) -> bytes:
    if not isinstance(value, str) or re.fullmatch(r"0x([0-9a-fA-F]{2})*", value) is None:
        raise ValueError("expected bytes in hex with 0x")
    return bytes.fromhex(value[2:])


Uint = Annotated[int, BeforeValidator(_uint256)]
Amount = Annotated[int, BeforeValidator(_uint256), Field(gt=0)]
Address = Annotated[StrictStr, AfterValidator(_address)]
Bytes32 = Annotated[bytes, BeforeValidator(_hex_bytes), Field(min_length=32, max_length=32)]
HexBytes = Annotated[bytes, BeforeValidator(_hex_bytes), Field(max_length=4096)]
Text = Annotated[StrictStr, StringConstraints(max_length=200)]


class Body(BaseModel):
    """A request body; fields that the venue does not know are ignored, as the venue does."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class OrderIn(Body):
    """The fields that every generation of orders shares. `salt` is a JSON number, the rest text."""

    salt: Annotated[StrictInt, Field(ge=0, le=_UINT256)]
    maker: Address
    signer: Address
    token_id: Annotated[Uint, Field(alias="tokenId")]
    maker_amount: Annotated[Amount, Field(alias="makerAmount")]
    taker_amount: Annotated[Amount, Field(alias="takerAmount")]
    side: Literal["BUY", "SELL"]
    signature_type: Annotated[StrictInt, Field(alias="signatureType", ge=0, le=3)]
    signature: HexBytes
    expiration: Annotated[Uint, Field(lt=10**12)] = 0


class OrderV2In(OrderIn):
    """An order of CLOB V2 or Protocol V2."""

    timestamp: Annotated[Uint, Field(lt=10**15)]
    metadata: Bytes32
    builder: Bytes32


class OrderV1In(OrderIn):
    """An order of the first exchange."""

    signature_type: Annotated[StrictInt, Field(alias="signatureType", ge=0, le=2)]
    taker: Address
    nonce: Uint
    fee_rate_bps: Annotated[Uint, Field(alias="feeRateBps")]


class Envelope(Body):
    """What travels beside a signed order and is not signed itself."""

    owner: Text
    order_type: Annotated[Literal["GTC", "GTD", "FOK", "FAK"], Field(alias="orderType")]
    post_only: Annotated[StrictBool, Field(alias="postOnly")] = False
    defer_exec: Annotated[StrictBool, Field(alias="deferExec")] = False


class PostedV2(Envelope):
    """A body of POST /order today."""

    order: OrderV2In


class PostedV1(Envelope):
    """A body of POST /order before the second exchange."""

    order: OrderV1In


class CancelIn(Body):
    """A body of DELETE /order."""

    order_id: Annotated[Text, Field(alias="orderID", min_length=1)]


class CancelMarketIn(Body):
    """A body of DELETE /cancel-market-orders; one of the two is enough, empty text is none."""

    market: Text = ""
    asset_id: Text = ""


class HeartbeatIn(Body):
    """A body of POST /v1/heartbeats."""

    heartbeat_id: Text | None = ""


class ReadonlyKeyIn(Body):
    """A body of DELETE /auth/readonly-api-key."""

    key: Text


class TokenIn(Body):
    """One line of a batch request for market data."""

    token_id: Text
    side: Literal["", "BUY", "SELL"] = ""


_TOKENS = TypeAdapter(list[TokenIn])
_ORDER_IDS = TypeAdapter(list[Text])


def parse_json(body: bytes, complaint: str = INVALID_PAYLOAD) -> Json:
    """Return a body as JSON.

    Raises:
        OrderRefusedError: 400 with `complaint`, for bytes that are not JSON, and for NaN.
    """
    try:
        parsed: Json = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise OrderRefusedError(400, complaint) from error
    return parsed


def parse_body(model: type[Model], value: Json, complaint: str = INVALID_PAYLOAD) -> Model:
    """Return a body as a record, or raise OrderRefusedError: 400 with `complaint`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise OrderRefusedError(400, complaint) from error


def parse_tokens(body: bytes) -> list[TokenIn]:
    """Return the lines of a batch request; the venue takes up to 500."""
    complaint = "Invalid payload"
    try:
        tokens = _TOKENS.validate_python(parse_json(body, complaint))
    except ValidationError as error:
        raise OrderRefusedError(400, complaint) from error
    if len(tokens) > MAX_TOKENS:
        raise OrderRefusedError(400, "Payload exceeds the limit")
    return tokens


def parse_order_ids(body: bytes) -> list[str]:
    """Return the ids of DELETE /orders; the venue takes up to 1,000."""
    complaint = "Invalid payload"
    try:
        ids = _ORDER_IDS.validate_python(parse_json(body, complaint))
    except ValidationError as error:
        raise OrderRefusedError(400, complaint) from error
    if len(ids) > MAX_CANCELS:
        raise OrderRefusedError(400, _too_many(len(ids), MAX_CANCELS))
    return ids


def parse_order_list(body: bytes) -> Sequence[Json]:
    """Return the bodies of POST /orders; the venue takes up to 15."""
    items = parse_json(body)
    if not isinstance(items, list) or not items:
        raise OrderRefusedError(400, INVALID_PAYLOAD)
    if len(items) > MAX_ORDERS:
        raise OrderRefusedError(400, _too_many(len(items), MAX_ORDERS))
    return items


def parse_posted(value: Json, *, v1_dialect: bool) -> PostedV1 | PostedV2:
    """Return a posted order of the generation that this venue speaks.

    Source: bodies without `timestamp` are answered `order_version_mismatch` since the venue's
    second exchange; the V1 dialect refuses the newer ones in the same words.

    Raises:
        OrderRefusedError: 400, for another generation and for anything malformed.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("order"), Mapping):
        raise OrderRefusedError(400, INVALID_PAYLOAD)
    order = value["order"]
    assert isinstance(order, Mapping)
    if ("timestamp" in order) is v1_dialect:
        raise OrderRefusedError(400, VERSION_MISMATCH)
    return parse_body(PostedV1, value) if v1_dialect else parse_body(PostedV2, value)


def parse_cursor(cursor: str | None) -> int:
    """Return the offset that a cursor stands for: base64 of a decimal number, absent is 0."""
    try:
        offset = int(base64.b64decode(cursor or FIRST_CURSOR, validate=True)[:20])
    except (ValueError, binascii.Error) as error:
        raise OrderRefusedError(400, "Invalid cursor") from error
    if not 0 <= offset <= _MAX_PAGE_OFFSET:
        raise OrderRefusedError(400, "Next item should be greater than or equal to 0")
    return offset


def cursor_for(offset: int) -> str:
    """Return the cursor of an offset."""
    return base64.b64encode(str(offset).encode()).decode()


def parse_seconds(value: str | None, complaint: str) -> int | None:
    """Return a query parameter that holds a Unix time in seconds; absent or empty is None."""
    if not value:
        return None
    if _DIGITS.match(value) is None or int(value) > 10**12:
        raise OrderRefusedError(400, complaint)
    return int(value)


def _too_many(count: int, most: int) -> str:
    return f"Too many orders in payload: {count}, max allowed: {most}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
