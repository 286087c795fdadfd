"""Who is asking: no header (L0), a signed login message (L1) or an API key's HMAC (L2)."""

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from eth_utils.address import is_address, to_checksum_address

from paper.model import OrderRefusedError
from paper.signing import BadSignatureError, login_signer

FRESH_MS = 60_000
_NONCE_MAX = (1 << 256) - 1
_MAX_KEYS_PER_WALLET = 100
_SECRET_NAME = "api_key_secret"  # noqa: S105  (a name, not a secret)
INVALID_LOGIN = "Invalid L1 Request headers"
INVALID_KEY = "Unauthorized/Invalid api key"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """L2 credentials. `wallet` is the owner key's own address, never a funder's."""

    wallet: str
    key: str
    secret: str
    passphrase: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that its headers sign; `path` has no query string."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class KeyStore(Protocol):
    """Where API keys, and the secret that they are made from, survive a restart."""

    def save_api_key(self, wallet: str, key: str, secret: str, passphrase: str) -> None:
        """Keep a key."""

    def delete_api_key(self, key: str) -> None:
        """Forget a key."""

    def load_api_keys(self) -> Iterable[tuple[str, str, str, str]]:
        """Return (wallet, key, secret, passphrase) of every key kept, oldest first."""

    def save_setting(self, key: str, body: str) -> None:
        """Keep a text under a name."""

    def load_setting(self, key: str) -> str | None:
        """Return a text kept under a name."""


class KeyRing:
    """Every API key of the venue. A key follows from wallet, nonce and the server's secret."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._secret = _server_secret(store)
        self._keys = {row[1]: ApiKey(*row) for row in store.load_api_keys()}
        self._readonly: dict[str, str] = {}

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key, oldest first."""
        return tuple(self._keys.values())

    def of_wallet(self, wallet: str) -> tuple[ApiKey, ...]:
        """Return the keys of one wallet, oldest first."""
        return tuple(key for key in self._keys.values() if key.wallet == wallet)

    def find(self, key: str) -> ApiKey | None:
        """Return a key by its id."""
        return self._keys.get(key)

    def create(self, wallet: str, nonce: int) -> ApiKey:
        """Make the key of a wallet and nonce; raise OrderRefusedError when there is one."""
        made = self._make(wallet, nonce)
        if made.key in self._keys or len(self.of_wallet(wallet)) >= _MAX_KEYS_PER_WALLET:
            raise OrderRefusedError(400, "Could not create api key")
        self._keys[made.key] = made
        self._store.save_api_key(made.wallet, made.key, made.secret, made.passphrase)
        return made

    def derive(self, wallet: str, nonce: int) -> ApiKey:
        """Return the key of a wallet and nonce, made now if it never was."""
        known = self._keys.get(self._make(wallet, nonce).key)
        return known if known is not None else self.create(wallet, nonce)

    def delete(self, key: ApiKey) -> None:
        """Forget a key, until it is created or derived again."""
        self._keys.pop(key.key, None)
        self._store.delete_api_key(key.key)

    def create_readonly(self, wallet: str) -> str:
        """Make a read-only key, which is a name and nothing more: no client sends it anywhere."""
        if len(self.readonly_of(wallet)) >= _MAX_KEYS_PER_WALLET:
            raise OrderRefusedError(400, "Could not create readonly api key")
        key = str(uuid.uuid4())
        self._readonly[key] = wallet
        return key

    def readonly_of(self, wallet: str) -> list[str]:
        """Return the read-only keys of a wallet, oldest first."""
        return [key for key, owner in self._readonly.items() if owner == wallet]

    def delete_readonly(self, wallet: str, key: str) -> bool:
        """Forget a read-only key; tell whether the wallet had it."""
        if self._readonly.get(key) != wallet:
            return False
        del self._readonly[key]
        return True

    def _make(self, wallet: str, nonce: int) -> ApiKey:
        def part(name: str) -> bytes:
            return hmac.digest(self._secret, f"{name}|{wallet}|{nonce}".encode(), "sha256")

        return ApiKey(
            wallet=wallet,
            key=str(uuid.UUID(bytes=part("key")[:16], version=4)),
            secret=base64.urlsafe_b64encode(part("secret")).decode(),
            passphrase=part("passphrase").hex(),
        )


def check_login(headers: Mapping[str, str], now: int) -> tuple[str, int]:
    """Return (address, nonce) of a valid L1 login; raise OrderRefusedError 401 otherwise."""
    address, timestamp = headers.get("POLY_ADDRESS", ""), headers.get("POLY_TIMESTAMP", "")
    nonce = _natural(headers.get("POLY_NONCE", "0"))
    if not is_address(address) or nonce is None or not _is_fresh(timestamp, now):
        raise OrderRefusedError(401, INVALID_LOGIN)
    wallet = to_checksum_address(address)
    try:
        signature = binascii.unhexlify(headers.get("POLY_SIGNATURE", "").removeprefix("0x"))
        signer = login_signer(wallet, timestamp, nonce, signature)
    except (binascii.Error, ValueError, BadSignatureError) as error:
        raise OrderRefusedError(401, INVALID_LOGIN) from error
    if signer != wallet:
        raise OrderRefusedError(401, INVALID_LOGIN)
    return wallet, nonce


def check_request(request: SignedRequest, keys: KeyRing, now: int) -> ApiKey:
    """Return the key that signed an L2 request; raise OrderRefusedError 401 otherwise.

    Source: the HMAC-SHA256, under the base64 secret, of timestamp, method, path without query and
    the exact bytes of the body, in URL-safe base64.
    """
    headers = request.headers
    key = keys.find(headers.get("POLY_API_KEY", ""))
    timestamp = headers.get("POLY_TIMESTAMP", "")
    if key is None or not _is_fresh(timestamp, now):
        raise OrderRefusedError(401, INVALID_KEY)
    message = f"{timestamp}{request.method}{request.path}".encode() + request.body
    digest = hmac.new(base64.urlsafe_b64decode(key.secret), message, hashlib.sha256).digest()
    expected = (
        (base64.urlsafe_b64encode(digest).decode(), headers.get("POLY_SIGNATURE", "")),
        (key.passphrase, headers.get("POLY_PASSPHRASE", "")),
        (key.wallet.lower(), headers.get("POLY_ADDRESS", "").lower()),
    )
    if not all(hmac.compare_digest(a.encode(), b.encode()) for a, b in expected):
        raise OrderRefusedError(401, INVALID_KEY)
    return key


def _server_secret(store: KeyStore) -> bytes:
    kept = store.load_setting(_SECRET_NAME)
    if kept is None:
        kept = secrets.token_hex(32)
        store.save_setting(_SECRET_NAME, kept)
    return kept.encode()


def _is_fresh(timestamp: str, now: int) -> bool:
    seconds = _natural(timestamp)
    return seconds is not None and abs(now - seconds * 1000) <= FRESH_MS


def _natural(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 78):
        return None
    return int(text) if int(text) <= _NONCE_MAX else None
