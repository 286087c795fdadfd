"""The contract calls that redeem, packed and signed the way each kind of wallet wants it.

Wire format and signatures are those of the venue's official client, byte for byte.
"""

from collections.abc import Mapping, Sequence

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from pydantic import SecretStr

from exchange.polymarket.contracts import CHAIN_ID
from exchange.redeem_port import ChainCall, RedeemRequest
from trading.types import ConditionId, Market, Protocol, Shares, SignatureType, Wallet

COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
CONDITIONAL_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
COLLATERAL_ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
PROTOCOL_V2_ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
MULTI_SEND = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"

_NOBODY = "0x" + "0" * 40
_SAFE_V = 4  # what a safe wants added to `v` of a personal message
_PLAIN, _DELEGATE, _PROXY_CALL = 0, 1, 1
_REDEEM_CTF = keccak(text="redeemPositions(address,bytes32,bytes32,uint256[])")[:4]
_REDEEM_V2 = keccak(text="redeem(bytes31,uint256,uint256)")[:4]
_PROXY = keccak(text="proxy((uint8,address,uint256,bytes)[])")[:4]
_MULTI_SEND = keccak(text="multiSend(bytes)")[:4]


def redeem_calls(market: Market, held: Sequence[Shares]) -> tuple[ChainCall, ...]:
    """Return the calls that give back all that is held of a market.

    The conditional tokens' adapters burn whole balances, negative-risk markets have their own
    adapter; the router of Protocol V2 takes each outcome with its number of shares.
    """
    condition = bytes.fromhex(market.condition_id[2:])
    if market.protocol is not Protocol.PROTOCOL_V2:
        adapter = NEG_RISK_ADAPTER if market.neg_risk else COLLATERAL_ADAPTER
        kinds = ["address", "bytes32", "bytes32", "uint256[]"]
        data = _REDEEM_CTF + encode(kinds, [COLLATERAL, bytes(32), condition, [1, 2]])
        return (_call(adapter, data),)
    kinds = ["bytes31", "uint256", "uint256"]
    return tuple(
        _call(PROTOCOL_V2_ROUTER, _REDEEM_V2 + encode(kinds, [condition[:31], outcome, micros]))
        for outcome, micros in enumerate(int(size * 1_000_000) for size in held)
        if micros > 0
    )


def is_redemption(call: ChainCall, condition_id: ConditionId) -> bool:
    """Tell whether a call is one of those that redeem this condition, to the byte."""
    condition = bytes.fromhex(condition_id[2:])
    kinds = ["address", "bytes32", "bytes32", "uint256[]"]
    whole = _REDEEM_CTF + encode(kinds, [COLLATERAL, bytes(32), condition, [1, 2]])
    if call.target in (COLLATERAL_ADAPTER, NEG_RISK_ADAPTER):
        return call == _call(call.target, whole)
    if call.target != PROTOCOL_V2_ROUTER:
        return False
    start = _REDEEM_V2 + encode(["bytes31"], [condition[:31]])
    try:
        data = bytes.fromhex(call.data[2:])
    except ValueError:
        return False
    outcome, micros = data[len(start) : len(start) + 32], data[len(start) + 32 :]
    is_sized = len(micros) == 32 and any(micros)
    return data.startswith(start) and int.from_bytes(outcome, "big") in (0, 1) and is_sized


def pack_proxied(calls: Sequence[ChainCall]) -> str:
    """Return the call of the proxies' factory that makes these calls."""
    packed = [(_PROXY_CALL, call.target, 0, bytes.fromhex(call.data[2:])) for call in calls]
    return "0x" + (_PROXY + encode(["(uint8,address,uint256,bytes)[]"], [packed])).hex()


class RedeemSigner:
    """Holds a private key in this process; signs redemptions only and shows nothing of it."""

    def __init__(self, private_key: SecretStr) -> None:
        """Take the key of the wallet's owner."""
        self._key = private_key
        self.address = Wallet(Account.from_key(private_key.get_secret_value()).address.lower())

    async def sign_envelope(self, request: RedeemRequest) -> dict[str, object]:
        """Return the body of the relayer's `/submit`."""
        head = {
            "from": to_checksum_address(self.address),
            "nonce": str(request.nonce),
            "metadata": f"redeem {request.condition_id}",
        }
        match request.signature_type:
            case SignatureType.POLY_1271:
                return {**head, **self._batch(request)}
            case SignatureType.POLY_GNOSIS_SAFE:
                return {**head, **self._safe(request)}
            case SignatureType.POLY_PROXY:
                return {**head, **self._proxied(request)}
            case SignatureType.EOA:
                raise ValueError("a plain key sends its own transactions, received type 0")

    async def sign_transaction(self, request: RedeemRequest) -> tuple[str, str]:
        """Return a plain key's signed transaction and its hash, both 0x hex."""
        (call,) = request.calls
        signed = Account.sign_transaction(
            {
                "to": call.target,
                "value": 0,
                "data": call.data,
                "gas": request.gas_limit,
                "gasPrice": request.gas_price,
                "nonce": request.nonce,
                "chainId": CHAIN_ID,
            },
            self._key.get_secret_value(),
        )
        return f"0x{bytes(signed.raw_transaction).hex()}", f"0x{bytes(signed.hash).hex()}"

    def _batch(self, request: RedeemRequest) -> dict[str, object]:
        wallet = to_checksum_address(request.wallet)
        calls = [{"target": c.target, "value": 0, "data": _raw(c.data)} for c in request.calls]
        message = {
            "wallet": wallet,
            "nonce": request.nonce,
            "deadline": request.deadline_s,
            "calls": calls,
        }
        domain = {"name": "DepositWallet", "version": "1", "chainId": CHAIN_ID}
        types = {
            "Batch": _fields("address wallet, uint256 nonce, uint256 deadline, Call[] calls"),
            "Call": _fields("address target, uint256 value, bytes data"),
        }
        signable = encode_typed_data({**domain, "verifyingContract": wallet}, types, message)
        signed = Account.sign_message(signable, self._key.get_secret_value())
        params = {
            "depositWallet": wallet,
            "deadline": str(request.deadline_s),
            "calls": [{"target": c.target, "value": "0", "data": c.data} for c in request.calls],
        }
        return {
            "type": "WALLET",
            "to": DEPOSIT_FACTORY,
            "signature": f"0x{bytes(signed.signature).hex()}",
            "depositWalletParams": params,
        }

    def _safe(self, request: RedeemRequest) -> dict[str, object]:
        target, data, operation = _one_call(request.calls)
        message = {
            "to": target,
            "value": 0,
            "data": _raw(data),
            "operation": operation,
            **dict.fromkeys(("safeTxGas", "baseGas", "gasPrice"), 0),
            **dict.fromkeys(("gasToken", "refundReceiver"), _NOBODY),
            "nonce": request.nonce,
        }
        safe = to_checksum_address(request.wallet)
        fields = _fields(
            "address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas,"
            " uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver,"
            " uint256 nonce"
        )
        domain = {"chainId": CHAIN_ID, "verifyingContract": safe}
        signable = encode_typed_data(domain, {"SafeTx": fields}, message)
        digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
        signature = self._sign_personal(digest)
        plain = {"baseGas": "0", "gasPrice": "0", "gasToken": _NOBODY, "safeTxnGas": "0"}
        return {
            "type": "SAFE",
            "to": target,
            "proxyWallet": safe,
            "data": data,
            "signature": f"0x{signature[:64].hex()}{signature[64] + _SAFE_V:02x}",
            "signatureParams": {
                **plain,
                "operation": str(operation),
                "refundReceiver": _NOBODY,
            },
        }

    def _proxied(self, request: RedeemRequest) -> dict[str, object]:
        data = pack_proxied(request.calls)
        parts = (
            b"rlx:",
            to_canonical_address(self.address),
            to_canonical_address(PROXY_FACTORY),
            _raw(data),
            *(number.to_bytes(32, "big") for number in (0, 0, request.gas_limit, request.nonce)),
            to_canonical_address(RELAY_HUB),
            to_canonical_address(request.relay),
        )
        params = {
            "gasLimit": str(request.gas_limit),
            "gasPrice": "0",
            "relay": request.relay,
            "relayHub": RELAY_HUB,
            "relayerFee": "0",
        }
        return {
            "type": "PROXY",
            "to": PROXY_FACTORY,
            "proxyWallet": to_checksum_address(request.wallet),
            "data": data,
            "signature": f"0x{self._sign_personal(keccak(b''.join(parts))).hex()}",
            "signatureParams": params,
        }

    def _sign_personal(self, digest: bytes) -> bytes:
        key = self._key.get_secret_value()
        return bytes(Account.sign_message(encode_defunct(primitive=digest), key).signature)


def _call(target: str, data: bytes) -> ChainCall:
    return ChainCall(target, f"0x{data.hex()}")


def _one_call(calls: Sequence[ChainCall]) -> tuple[str, str, int]:
    """Return target, data and operation of a safe: several calls go through multi-send."""
    if len(calls) == 1:
        return calls[0].target, calls[0].data, _PLAIN
    packed = b"".join(_packed(call) for call in calls)
    return MULTI_SEND, "0x" + (_MULTI_SEND + encode(["bytes"], [packed])).hex(), _DELEGATE


def _packed(call: ChainCall) -> bytes:
    data = _raw(call.data)
    head = bytes([_PLAIN]) + to_canonical_address(call.target)
    return head + bytes(32) + len(data).to_bytes(32, "big") + data


def _fields(text: str) -> list[Mapping[str, str]]:
    pairs = (field.split() for field in text.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


def _raw(data: str) -> bytes:
    return bytes.fromhex(data[2:])
