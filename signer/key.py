"""The key and what it signs for: read once, from a file that nobody else can read, and asserted."""

import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from exchange.polymarket.signing import LocalSigner
from exchange.polymarket.wallets import (
    derive_deposit_wallet,
    generate_wallet,
    load_wallet,
    save_wallet,
    wallet_of_key,
)
from signer.policy import SignerAccount
from signer.settings import SignerSettings
from trading.types import SignatureType, Wallet

SCOPE = "CLOB"
DAYS_LEFT_MIN = 14
KEY_BYTES_MAX = 4096


class KeyUnfitError(Exception):
    """The key must not be used; the message says why and what to do, and never the key."""


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What a key file says of a session key: its scope, its end, and the owner of the wallet."""

    scope: str
    expires_at: datetime
    owner: Wallet


@dataclass(frozen=True, slots=True)
class HeldKey:
    """The key, ready to sign, and whom it signs for; shows nothing of the key."""

    signer: LocalSigner
    private_key: SecretStr
    account: SignerAccount
    session: SessionTerms | None = None


def hold_key(settings: SignerSettings, now: datetime) -> HeldKey:
    """Read the key and assert its wallet; outside live mode, make a paper wallet the first time.

    Raises:
        KeyUnfitError: it cannot be read, others can read it, or it is not what it should be.
    """
    if settings.key_file is not None:
        return _hold_file(settings, settings.key_file, now)
    if settings.private_key is not None:
        return _hold_owner(settings, settings.private_key)
    return _hold_paper(settings)


def read_private(path: Path) -> str:
    """Return the text of a file that only we can read.

    Raises:
        KeyUnfitError: it is missing, a link, another user's, or open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise KeyUnfitError(f"the key file cannot be opened: {error}") from error
    try:
        _check_private(path, os.fstat(descriptor))
        return os.read(descriptor, KEY_BYTES_MAX).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyUnfitError(f"expected {path} to be a plain file")
    if found.st_uid != os.geteuid():
        raise KeyUnfitError(
            f"expected {path} to be of user {os.geteuid()}, it is of {found.st_uid}: chown it"
        )
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise KeyUnfitError(f"expected mode 0400 of {path}, received {mode:04o}: chmod 400 it")


def _hold_file(settings: SignerSettings, path: Path, now: datetime) -> HeldKey:
    text = read_private(path)
    if not text.startswith("{"):
        return _hold_owner(settings, SecretStr(text))
    try:
        kept = json.loads(text)
        key = SecretStr(str(kept["private_key"]))
        terms = _read_terms(kept) if "scope" in kept else None
    except (ValueError, KeyError, TypeError):
        raise KeyUnfitError(f"expected a key in {path}: it cannot be read as one") from None
    return _hold_owner(settings, key) if terms is None else _hold_session(settings, key, terms, now)


def _read_terms(kept: dict[str, object]) -> SessionTerms:
    expires_at = datetime.fromisoformat(str(kept["expires_at"]))
    if expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    return SessionTerms(str(kept["scope"]), expires_at, Wallet(str(kept["owner"]).lower()))


def _hold_owner(settings: SignerSettings, key: SecretStr) -> HeldKey:
    try:
        wallet = wallet_of_key(key, settings.signature_type)
    except ValueError as error:
        raise KeyUnfitError(
            "expected a private key of 64 hex digits, below the order of secp256k1"
        ) from error
    _check_funder(settings, wallet.funder)
    account = SignerAccount(wallet.signer, wallet.funder, wallet.signature_type)
    return HeldKey(LocalSigner(key), key, account)


def _hold_session(
    settings: SignerSettings, key: SecretStr, terms: SessionTerms, now: datetime
) -> HeldKey:
    """Hold a session key; its wallet is that of the owner who authorised it."""
    if terms.scope != SCOPE:
        raise KeyUnfitError(
            f"expected a session key of scope {SCOPE} and nothing else, received {terms.scope[:40]}"
        )
    if terms.expires_at - now < timedelta(days=DAYS_LEFT_MIN):
        raise KeyUnfitError(
            f"expected a session key good for {DAYS_LEFT_MIN} days, it ends "
            f"{terms.expires_at.isoformat()}: authorise another one"
        )
    if settings.signature_type is not SignatureType.POLY_1271:
        raise KeyUnfitError("expected signature type 3: session keys are of deposit wallets")
    try:
        signer = LocalSigner(key, is_session=True)
        funder = derive_deposit_wallet(terms.owner)
    except ValueError as error:
        raise KeyUnfitError("expected a session key and its owner's address") from error
    if signer.address == terms.owner:
        raise KeyUnfitError("expected a session key, received its owner's own: keep that offline")
    _check_funder(settings, funder)
    account = SignerAccount(signer.address, funder, settings.signature_type)
    return HeldKey(signer, key, account, terms)


def _hold_paper(settings: SignerSettings) -> HeldKey:
    """Hold the home's paper wallet, made the first time."""
    path = settings.home / f"paper-wallet-{int(settings.signature_type)}.json"
    if settings.is_live:
        raise KeyUnfitError("live trading needs WHALECOPY_SIGNER_KEY_FILE; none is set")
    if not path.exists():
        save_wallet(path, generate_wallet(settings.signature_type))
    read_private(path)
    wallet = load_wallet(path)
    account = SignerAccount(wallet.signer, wallet.funder, wallet.signature_type)
    return HeldKey(LocalSigner(wallet.private_key), wallet.private_key, account)


def _check_funder(settings: SignerSettings, derived: Wallet) -> None:
    if settings.funder is not None and settings.funder != derived:
        raise KeyUnfitError(
            f"expected WHALECOPY_FUNDER {derived} for this key, received {settings.funder}"
        )
