"""The trading account of a home: its wallet, its key, its API user; made once, kept 0600."""

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from exchange.polymarket.client import TradingAccount
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.redeem_calls import RedeemSigner
from exchange.polymarket.rest import ApiCredentials, ApiUser
from exchange.polymarket.signing import AuthSigner, LocalSigner
from exchange.polymarket.wallets import (
    TradingWallet,
    generate_wallet,
    load_wallet,
    save_wallet,
    wallet_of_key,
)
from exchange.port import Signer
from exchange.secret import Secret
from exchange.sign_port import EarlySigner, RedemptionSigner, SignsWhenSent
from process import BUILD
from scrubbing import SCRUBBER
from settings import Settings, TradingMode
from signer.client import (
    RefusedError,
    RemoteSigner,
    SignerIdentity,
    SignerLink,
    fetch_identity,
)
from storage.port import Lease
from trading.types import SignatureType, Wallet

USER_FILE = "api-user.json"


class AccountError(Exception):
    """The trading account is not complete; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the executor trades with; `keep` leaves its API user, as it is then, for ingest."""

    trading: TradingAccount
    signer: Signer
    redemptions: RedemptionSigner
    early: EarlySigner
    attests: AuthSigner
    keep: Callable[[], None]

    def under(self, lease: Lease) -> "Account":
        """Return one that is signed for as the lease's holder; a key in here asks for no lease."""
        if not isinstance(self.signer, RemoteSigner):
            return self
        remote = self.signer.under(lambda: lease.epoch)
        return replace(self, signer=remote, redemptions=remote, early=remote, attests=remote)


def refuse_production(settings: Settings) -> None:
    """Let real orders out in live mode only, whatever the addresses say."""
    if settings.endpoints.is_production and settings.trading_mode is not TradingMode.LIVE:
        raise AccountError(
            f"TRADING_MODE={settings.trading_mode} sends nothing to {settings.clob_url}: point "
            "WHALECOPY_CLOB_URL and its companions at a local venue (`whalecopy paper`), or use "
            "`whalecopy up`, which starts one"
        )


def wallet_file(settings: Settings) -> Path:
    """Return where this home keeps the paper wallet of the chosen signature type."""
    return settings.home / f"paper-wallet-{int(settings.signature_type)}.json"


def open_wallet(settings: Settings) -> TradingWallet:
    """Return the configured wallet; in paper and replay mode, make one the first time."""
    wallet = _find_wallet(settings)
    SCRUBBER.learn(wallet.private_key.get_secret_value())
    return wallet


def _find_wallet(settings: Settings) -> TradingWallet:
    if settings.private_key_file is not None:
        return _own_wallet(settings, _read_key(settings.private_key_file))
    if settings.private_key is not None:
        return _own_wallet(settings, settings.private_key)
    if settings.trading_mode is TradingMode.LIVE:
        raise AccountError("live trading needs WHALECOPY_PRIVATE_KEY_FILE; none is set")
    path = wallet_file(settings)
    if not path.exists():
        save_wallet(path, generate_wallet(settings.signature_type))
    return load_wallet(path)


async def open_account(settings: Settings, access: VenueAccess) -> Account:
    """Return the account, its API user derived from the key, and keep the user for ingest.

    Where the signer's socket is named, no key is in this process; live trading wants that.
    """
    refuse_production(settings)
    if settings.signer_socket is not None:
        return await _open_remote(settings, access, settings.signer_socket)
    if settings.trading_mode is TradingMode.LIVE:
        raise AccountError(
            "live trading keeps the key in a process of its own: start `python -m signer` and name "
            "its socket in WHALECOPY_SIGNER_SOCKET, or use `whalecopy up`, which does both"
        )
    wallet = open_wallet(settings)
    signer = LocalSigner(wallet.private_key)
    user = await fetch_user(access, signer)
    trading = TradingAccount(user, wallet.funder, wallet.signature_type)
    redeemer, keep = RedeemSigner(wallet.private_key), partial(_keep_user, settings, trading)
    keep()
    return Account(trading, signer, redeemer, SignsWhenSent(), signer, keep)


async def _open_remote(settings: Settings, access: VenueAccess, socket: Path) -> Account:
    """Open the account of the key that the signer holds; it must be the wallet that is meant."""
    link = SignerLink(socket)
    identity = await fetch_identity(link)
    if settings.funder and settings.funder.lower() != identity.funder:
        raise AccountError(
            f"expected a signer for {settings.funder}, the one at {socket} is for {identity.funder}"
        )
    signer = RemoteSigner(link, identity.address, BUILD)
    user = await _remote_user(settings, access, signer, identity)
    trading = TradingAccount(user, identity.funder, identity.signature_type)
    keep = partial(_keep_user, settings, trading)
    keep()
    return Account(trading, signer, signer, signer, signer, keep)


async def _remote_user(
    settings: Settings, access: VenueAccess, signer: RemoteSigner, identity: SignerIdentity
) -> ApiUser:
    """Return the key's API user; the one that was kept when the signer attests no more just now."""
    try:
        return await fetch_user(access, signer)
    except RefusedError:
        with contextlib.suppress(AccountError):  # none is kept: the refusal is what went wrong
            kept = load_account(settings)
            if kept.user.address == identity.address:
                return kept.user
        raise


def load_account(settings: Settings) -> TradingAccount:
    """Return the account without its key, for listening; the executor must have saved it."""
    path = settings.home / USER_FILE
    try:
        kept = json.loads(path.read_text())
        credentials = ApiCredentials(
            kept["key"], Secret(kept["secret"]), Secret(kept["passphrase"])
        )
        _teach(credentials)
        return TradingAccount(
            ApiUser(Wallet(kept["address"]), credentials),
            Wallet(kept["funder"]),
            SignatureType(kept["signature_type"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AccountError(
            f"expected the API user in {path}: start a worker first, it derives the keys"
        ) from error


def _teach(credentials: ApiCredentials) -> None:
    """Let no log line of this process tell what opens the account at the venue."""
    SCRUBBER.learn(
        credentials.key,
        credentials.secret.get_secret_value(),
        credentials.passphrase.get_secret_value(),
    )


def _read_key(path: Path) -> Secret:
    try:
        return Secret(path.read_text().strip())
    except OSError as error:
        raise AccountError(f"WHALECOPY_PRIVATE_KEY_FILE cannot be read: {error}") from error


def _own_wallet(settings: Settings, key: Secret) -> TradingWallet:
    try:
        derived = wallet_of_key(key, settings.signature_type)
    except ValueError as error:
        raise AccountError("expected a private key of 64 hex digits, received none") from error
    if settings.funder and settings.funder.lower() != derived.funder:
        raise AccountError(
            f"expected WHALECOPY_FUNDER {derived.funder} for this key, received {settings.funder}"
        )
    return derived


def _keep_user(settings: Settings, trading: TradingAccount) -> None:
    _teach(trading.user.credentials)
    path, user = settings.home / USER_FILE, trading.user
    kept = {
        "address": user.address,
        "funder": trading.funder,
        "signature_type": int(trading.signature_type),
        "key": user.credentials.key,
        "secret": user.credentials.secret.get_secret_value(),
        "passphrase": user.credentials.passphrase.get_secret_value(),
    }
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(kept, file)
    fresh.replace(path)
