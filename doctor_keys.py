"""What is looked at of the keys: whether there is one, who may read it, whose money it moves."""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from doctor_findings import Finding, Level
from doctor_home import check_secret_file
from exchange.polymarket.client import TradingAccount
from trading.types import SignatureType, Wallet

SESSION_WARN = timedelta(days=30)
SESSION_MIN = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class KeySources:
    """Where a key comes from: a file, the environment, or nowhere, and whether money is real."""

    file: Path | None
    is_in_environment: bool
    is_live: bool


def judge_source(sources: KeySources) -> Sequence[Finding]:
    """Return what is to be said of where the key comes from, before it is read."""
    if sources.file is not None:
        return [check_secret_file("key file", sources.file, may_write=not sources.is_live)]
    if sources.is_in_environment:
        expected, found = "a key file (WHALECOPY_PRIVATE_KEY_FILE)", "a key in the environment"
        advice = "put it into a file of mode 0400: other processes of this user read environments"
        level = Level.RED if sources.is_live else Level.AMBER
        return [Finding("key file", level, expected, found, advice)]
    if sources.is_live:
        advice = "set WHALECOPY_PRIVATE_KEY_FILE to a file of mode 0400"
        return [Finding("key file", Level.RED, "a key for live trading", "none", advice)]
    return [Finding("key file", Level.GREEN, "no key of yours", "a wallet made up for paper")]


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whom a key signs for, wherever the key is."""

    signer: Wallet
    funder: Wallet
    signature_type: SignatureType


@dataclass(frozen=True, slots=True)
class SignerWord:
    """What the signer says of its key: whose it is, when it ends, and which build it obeys."""

    owner: KeyOwner
    session_ends_at: datetime | None  # None: the owner's own key, which has no end
    build: str


def read_signer(said: Mapping[str, object]) -> SignerWord:
    """Read what the signer said; raise ValueError for another word."""
    try:
        ends_at = str(said.get("session_ends_at", ""))
        return SignerWord(
            KeyOwner(
                Wallet(str(said["address"])),
                Wallet(str(said["funder"])),
                SignatureType(int(str(said["signature_type"]))),
            ),
            datetime.fromisoformat(ends_at) if ends_at else None,
            str(said.get("build", "")),
        )
    except KeyError as error:
        raise ValueError(f"expected the signer to say its {error}, it did not") from error


def judge_session(ends_at: datetime | None, now: datetime, *, is_live: bool) -> Finding:
    """Judge what a thief of the key could do, and how long the key is good for."""
    expected = f"a session key of scope CLOB, good for {SESSION_WARN.days} days or more"
    if ends_at is None:
        level = Level.AMBER if is_live else Level.GREEN
        advice = "authorise a session key and keep the owner's own offline" if is_live else ""
        return Finding("session key", level, expected, "the owner's own key", advice)
    left = ends_at - now
    found = f"one that ends in {left.days} days"
    if left >= SESSION_WARN:
        return Finding("session key", Level.GREEN, expected, found)
    level = Level.AMBER if left >= SESSION_MIN else Level.RED
    return Finding("session key", level, expected, found, "authorise another session key")


def judge_build(theirs: str, ours: str) -> Finding:
    """Judge whether the signer signs for workers of this build."""
    expected, found = f"a signer for build {ours}", f"one for build {theirs or 'unknown'}"
    if theirs in ("", ours):
        return Finding("signer's build", Level.GREEN, expected, found)
    advice = "start the signer of this build: it signs for no other"
    return Finding("signer's build", Level.RED, expected, found, advice)


def judge_socket(socket: Path, *, holds_key: bool) -> Finding:
    """Return whether the signer's socket is closed to others, and the key is there alone."""
    expected = "a socket that others cannot reach (mode 0660 or less), and no key but the signer's"
    mode = stat.S_IMODE(socket.stat().st_mode)
    found = f"{socket.name} with mode {mode:04o}"
    if mode & stat.S_IRWXO:
        return Finding("signer's socket", Level.RED, expected, found, f"chmod 0660 {socket}")
    if holds_key:
        advice = "take WHALECOPY_PRIVATE_KEY and WHALECOPY_PRIVATE_KEY_FILE away from this process"
        return Finding("signer's socket", Level.AMBER, expected, f"{found}; a key here too", advice)
    return Finding("signer's socket", Level.GREEN, expected, found)


def judge_owner(owner: KeyOwner, wanted_funder: str) -> Finding:
    """Return whether the key moves the money of the wallet that is named."""
    kind = f"signature type {int(owner.signature_type)}"
    found = f"signer {owner.signer} for wallet {owner.funder}, {kind}"
    expected = f"wallet {wanted_funder.lower()}" if wanted_funder else "a wallet of this key"
    if wanted_funder and wanted_funder.lower() != owner.funder:
        advice = "correct WHALECOPY_FUNDER or WHALECOPY_SIGNATURE_TYPE, or use the wallet's own key"
        return Finding("signer", Level.RED, expected, found, advice)
    return Finding("signer", Level.GREEN, expected, found)


def judge_account(account: TradingAccount, owner: KeyOwner) -> Finding:
    """Return whether the API user that is kept belongs to the key."""
    expected = f"an API user of signer {owner.signer} and wallet {owner.funder}"
    found = f"one of signer {account.user.address} and wallet {account.funder}"
    if (account.user.address, account.funder) != (owner.signer, owner.funder):
        advice = "take api-user.json away; a worker makes it anew from the key"
        return Finding("api user", Level.RED, expected, found, advice)
    return Finding("api user", Level.GREEN, expected, found)
