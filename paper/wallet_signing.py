"""Who signed what a wallet asks for: the hashes of safes, proxies, deposit wallets and plain keys.

Written from the contracts with keccak, ABI encoding and public key recovery alone, as
`paper.signing` is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from paper.signing import CHAIN_ID, BadSignatureError, recover
from paper.wallet_calls import Call

RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
_WALLET_DOMAIN = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_SAFE_DOMAIN = "EIP712Domain(uint256 chainId,address verifyingContract)"
_CALL = "Call(address target,uint256 value,bytes data)"
_BATCH = "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL
_SAFE_TX = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
_SAFE_TX_KINDS = (
    *("bytes32", "address", "uint256", "bytes32", "uint8", "uint256", "uint256", "uint256"),
    *("address", "address", "uint256"),
)
_NOBODY = "0x" + "0" * 40
_PERSONAL = b"\x19Ethereum Signed Message:\n32"
_SAFE_V = 4  # what a safe adds to `v` where the hash was signed as a personal message


@dataclass(frozen=True, slots=True)
class SafeCall:
    """What a safe executes; operation 1 runs the target's code as its own."""

    call: Call
    operation: int
    nonce: int


@dataclass(frozen=True, slots=True)
class ProxyCall:
    """What the relay hub forwards for a proxy's owner; nothing of it costs the owner anything."""

    owner: str
    data: str
    gas_limit: int
    nonce: int
    relay: str


def batch_signer(
    wallet: str, nonce: int, deadline: int, calls: Sequence[Call], signature: bytes
) -> str:
    """Return who signed a deposit wallet's batch; raise BadSignatureError for a malformed one."""
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_WALLET_DOMAIN),
                keccak(text="DepositWallet"),
                keccak(text="1"),
                CHAIN_ID,
                wallet,
            ],
        )
    )
    hashed = b"".join(_call_hash(call) for call in calls)
    batch = keccak(
        encode(
            ["bytes32", "address", "uint256", "uint256", "bytes32"],
            [keccak(text=_BATCH), wallet, nonce, deadline, keccak(hashed)],
        )
    )
    return recover(keccak(b"\x19\x01" + domain + batch), signature)


def safe_signer(safe: str, asked: SafeCall, signature: bytes) -> str:
    """Return who signed a safe's transaction, its hash as a personal message."""
    domain = keccak(
        encode(
            ["bytes32", "uint256", "address"],
            [keccak(text=_SAFE_DOMAIN), CHAIN_ID, safe],
        )
    )
    call = asked.call
    transaction = keccak(
        encode(
            _SAFE_TX_KINDS,
            [
                keccak(text=_SAFE_TX),
                call.target,
                call.value,
                keccak(hexstr=call.data),
                asked.operation,
                *(0, 0, 0),
                _NOBODY,
                _NOBODY,
                asked.nonce,
            ],
        )
    )
    if len(signature) != 65 or signature[64] not in (31, 32):
        raise BadSignatureError("expected 65 bytes ending in 31 or 32")
    plain = signature[:64] + bytes([signature[64] - _SAFE_V])
    return _personal_signer(keccak(b"\x19\x01" + domain + transaction), plain)


def proxy_signer(asked: ProxyCall, signature: bytes) -> str:
    """Return who signed a request to the relay hub. Source: `RelayHub.relayCall`."""
    parts = (
        b"rlx:",
        to_canonical_address(asked.owner),
        to_canonical_address(PROXY_FACTORY),
        bytes.fromhex(asked.data[2:]),
        *(number.to_bytes(32) for number in (0, 0, asked.gas_limit, asked.nonce)),
        to_canonical_address(RELAY_HUB),
        to_canonical_address(asked.relay),
    )
    return _personal_signer(keccak(b"".join(parts)), signature)


def _personal_signer(digest: bytes, signature: bytes) -> str:
    return recover(keccak(_PERSONAL + digest), signature)


def _call_hash(call: Call) -> bytes:
    return keccak(
        encode(
            ["bytes32", "address", "uint256", "bytes32"],
            [keccak(text=_CALL), call.target, call.value, keccak(hexstr=call.data)],
        )
    )
