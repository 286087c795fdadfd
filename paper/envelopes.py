"""What is posted to the relayer: read by the wallet's kind, and who signed it made out."""

from typing import Annotated, Literal

from pydantic import Field

from paper.office import Asked, Kind, OfficeError
from paper.signing import BadSignatureError
from paper.wallet_calls import CALLS_MAX, Call, CallError, read_multi_send, read_proxied
from paper.wallet_signing import (
    PROXY_FACTORY,
    RELAY_HUB,
    ProxyCall,
    SafeCall,
    batch_signer,
    proxy_signer,
    safe_signer,
)
from paper.wallets import wallets_of
from paper.wire import Address, Body, HexBytes, Uint, parse_body, parse_json

DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
MULTI_SEND_CONTRACT = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
RELAY = "0x4F2A6B1C0d5E38BBa8E7f0D1f3bB43A1dcE09c10"
"""The relay of this venue, which a proxy's owner names in what it signs."""

COMPLAINT = "invalid transaction request"
_DELEGATE = 1
_SIGNATURE_TYPES = {Kind.PROXY: 1, Kind.SAFE: 2, Kind.WALLET: 3}

Data = Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=20_000)]


class _CallIn(Body):
    target: Address
    value: Uint
    data: Data


class _BatchIn(Body):
    wallet: Address = Field(alias="depositWallet")
    deadline: Uint
    calls: Annotated[list[_CallIn], Field(min_length=1, max_length=CALLS_MAX)]


class _SafeIn(Body):
    operation: Literal["0", "1"]


class _ProxyIn(Body):
    gas_limit: Uint = Field(alias="gasLimit")
    relay: Address
    relay_hub: Address = Field(alias="relayHub")


class _EnvelopeIn(Body):
    sender: Address = Field(alias="from")
    to: Address
    nonce: Uint
    signature: HexBytes


class _WalletEnvelope(_EnvelopeIn):
    batch: _BatchIn = Field(alias="depositWalletParams")


class _SafeEnvelope(_EnvelopeIn):
    wallet: Address = Field(alias="proxyWallet")
    data: Data
    value: Uint = 0
    params: _SafeIn = Field(alias="signatureParams")


class _ProxyEnvelope(_EnvelopeIn):
    wallet: Address = Field(alias="proxyWallet")
    data: Data
    params: _ProxyIn = Field(alias="signatureParams")


class _KindIn(Body):
    kind: Literal[Kind.WALLET, Kind.SAFE, Kind.PROXY] = Field(alias="type")


def read_envelope(body: bytes) -> Asked:
    """Read what was posted; raise OfficeError where the signature is not its wallet's owner's."""
    payload = parse_json(body, COMPLAINT)
    kind = parse_body(_KindIn, payload, COMPLAINT).kind
    try:
        match kind:
            case Kind.WALLET:
                asked, signer = _read_wallet(parse_body(_WalletEnvelope, payload, COMPLAINT))
            case Kind.SAFE:
                asked, signer = _read_safe(parse_body(_SafeEnvelope, payload, COMPLAINT))
            case Kind.PROXY:
                asked, signer = _read_proxy(parse_body(_ProxyEnvelope, payload, COMPLAINT))
    except (BadSignatureError, CallError) as error:
        raise OfficeError(f"invalid signature or call: {error}") from error
    if signer != asked.signer:
        raise OfficeError(f"invalid signature: {signer} signed for {asked.signer}")
    if asked.wallet not in wallets_of(asked.signer, _SIGNATURE_TYPES[kind]):
        raise OfficeError(f"{asked.wallet} is not a {kind} wallet of {asked.signer}")
    return asked


def _read_wallet(envelope: _WalletEnvelope) -> tuple[Asked, str]:
    if envelope.to != DEPOSIT_FACTORY:
        raise CallError(f"expected the deposit wallets' factory, got {envelope.to}")
    batch = envelope.batch
    calls = tuple(Call(one.target, one.data, one.value) for one in batch.calls)
    signer = batch_signer(batch.wallet, envelope.nonce, batch.deadline, calls, envelope.signature)
    asked = Asked(Kind.WALLET, envelope.sender, batch.wallet, envelope.nonce, calls, batch.deadline)
    return asked, signer


def _read_safe(envelope: _SafeEnvelope) -> tuple[Asked, str]:
    call = Call(envelope.to, envelope.data, envelope.value)
    operation = int(envelope.params.operation)
    is_multi_send = envelope.to == MULTI_SEND_CONTRACT
    if is_multi_send is not (operation == _DELEGATE):
        raise CallError("a safe delegates to the multi-send contract and to nothing else")
    calls = read_multi_send(call.data) if is_multi_send else (call,)
    asked = SafeCall(call, operation, envelope.nonce)
    signer = safe_signer(envelope.wallet, asked, envelope.signature)
    return Asked(Kind.SAFE, envelope.sender, envelope.wallet, envelope.nonce, calls), signer


def _read_proxy(envelope: _ProxyEnvelope) -> tuple[Asked, str]:
    params = envelope.params
    if (envelope.to, params.relay_hub) != (PROXY_FACTORY, RELAY_HUB):
        raise CallError(f"expected the proxies' factory and hub, got {envelope.to}")
    asked = ProxyCall(
        envelope.sender, envelope.data, params.gas_limit, envelope.nonce, params.relay
    )
    calls = read_proxied(envelope.data)
    signer = proxy_signer(asked, envelope.signature)
    return Asked(Kind.PROXY, envelope.sender, envelope.wallet, envelope.nonce, calls), signer
