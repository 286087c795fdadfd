"""Wallets: where each kind of them is, paper wallets, and the file that keeps a paper key."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_utils.crypto import keccak
from pydantic import Field, SecretStr

from exchange.polymarket.wire import FilledText, WireModel, WireWallet, parse, read_json
from exchange.port import WireError
from exchange.secret import Secret
from trading.types import SignatureType, Wallet

_FACTORY = bytes.fromhex("00000000000fb5c9adea0298d729a0cb3823cc07")
_BEACON = bytes.fromhex("7a18edfe055488a3128f01f563e5b479d92ffc3a")
# The creation code of the beacon proxy that the factory deploys (ERC-1967 with immutable
# arguments): its first bytes hold the length of the arguments, then the beacon, then this.
_CODE_LENGTH = 0x52
_CODE_AFTER_BEACON = bytes.fromhex(
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)
# The older kinds: a clone (ERC-1167) that the proxies' factory makes with its constructor's call,
# and a Safe, of whose creation code the hash is enough.
_PROXY_FACTORY = bytes.fromhex("ab45c5a4b0c941a2f231c04c3f49182e1a254052")
_PROXY_TEMPLATE = bytes.fromhex("44e999d5c2f66ef0861317f9a4805ac2e90aeb4f")
_PROXY_CODE = (
    bytes.fromhex("3d3d606380380380913d393d73")
    + _PROXY_FACTORY
    + bytes.fromhex("5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73")
    + _PROXY_TEMPLATE
    + bytes.fromhex("5af43d82803e903d91602b57fd5bf352e831dd")
    + (32).to_bytes(32, "big")
    + bytes(32)
)
_SAFE_FACTORY = bytes.fromhex("aacfeea03eb1561c4e67d661e40682bd20e3541b")
_SAFE_CODE_HASH = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")


@dataclass(frozen=True, slots=True)
class TradingWallet:
    """A key and the wallet whose money it moves; `signer` is the key's own address."""

    private_key: SecretStr
    signer: Wallet
    funder: Wallet
    signature_type: SignatureType


class _KeyFile(WireModel):
    private_key: FilledText
    funder: WireWallet
    signature_type: int = Field(ge=0, le=3)


def derive_deposit_wallet(signer: Wallet) -> Wallet:
    """Return the address of a signer's deposit wallet (CREATE2 by the venue's factory)."""
    arguments = _FACTORY.rjust(32, b"\0") + bytes.fromhex(signer[2:]).rjust(32, b"\0")
    length = (_CODE_LENGTH + len(arguments)).to_bytes(2, "big")
    code = b"\x61" + length + bytes.fromhex("3d8160233d3973") + _BEACON
    code_hash = keccak(code + _CODE_AFTER_BEACON + arguments)
    return _made_by(_FACTORY, keccak(arguments), code_hash)


def derive_proxy(signer: Wallet) -> Wallet:
    """Return the address of a signer's proxy wallet (type 1)."""
    return _made_by(_PROXY_FACTORY, keccak(bytes.fromhex(signer[2:])), keccak(_PROXY_CODE))


def derive_safe(signer: Wallet) -> Wallet:
    """Return the address of a signer's Safe (type 2)."""
    salt = keccak(bytes.fromhex(signer[2:]).rjust(32, b"\0"))
    return _made_by(_SAFE_FACTORY, salt, _SAFE_CODE_HASH)


def _made_by(factory: bytes, salt: bytes, code_hash: bytes) -> Wallet:
    return Wallet("0x" + keccak(b"\xff" + factory + salt + code_hash)[12:].hex())


def generate_wallet(signature_type: SignatureType) -> TradingWallet:
    """Return a new wallet: type 0 trades its own money, the others that of a contract."""
    return wallet_of_key(Secret("0x" + bytes(Account.create().key).hex()), signature_type)


def wallet_of_key(private_key: SecretStr, signature_type: SignatureType) -> TradingWallet:
    """Return the wallet of a key, its funder derived."""
    signer = _address_of(private_key)
    match signature_type:
        case SignatureType.EOA:
            return TradingWallet(private_key, signer, signer, signature_type)
        case SignatureType.POLY_PROXY:
            return TradingWallet(private_key, signer, derive_proxy(signer), signature_type)
        case SignatureType.POLY_GNOSIS_SAFE:
            return TradingWallet(private_key, signer, derive_safe(signer), signature_type)
        case SignatureType.POLY_1271:
            funder = derive_deposit_wallet(signer)
            return TradingWallet(private_key, signer, funder, signature_type)


def save_wallet(path: Path, wallet: TradingWallet) -> None:
    """Write a wallet's key to a file that only its owner can read; never over an existing one.

    Raises:
        FileExistsError: when the file is there already.
    """
    text = json.dumps(
        {
            "private_key": wallet.private_key.get_secret_value(),
            "signer": wallet.signer,
            "funder": wallet.funder,
            "signature_type": int(wallet.signature_type),
        },
        indent=1,
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # fails when the file exists, and leaves no half-written key
    finally:
        draft.unlink()


def load_wallet(path: Path) -> TradingWallet:
    """Return the wallet kept in a file; raise ValueError when the file is not one of ours."""
    try:
        row = parse(_KeyFile, read_json(path.read_bytes()))
    except WireError:
        raise ValueError(f"expected a wallet in {path}: not readable as one") from None
    key = Secret(row.private_key)
    signature_type = SignatureType(row.signature_type)
    return TradingWallet(key, _address_of(key), row.funder, signature_type)


def _address_of(private_key: SecretStr) -> Wallet:
    try:
        return Wallet(Account.from_key(private_key.get_secret_value()).address.lower())
    except Exception:  # noqa: BLE001 - whatever was wrong, the key must not be in the message
        raise ValueError("expected a private key of 0x and 64 hex digits") from None
