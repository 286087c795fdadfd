"""What is looked at of the keys: whether there is one, who may read it, whose money it moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from doctor_findings import Finding, Level
from doctor_home import check_secret_file
from exchange.polymarket.client import TradingAccount
from exchange.polymarket.wallets import TradingWallet


@dataclass(frozen=True, slots=True)
class KeySources:
    """Where a key comes from: a file, the environment, or nowhere, and whether money is real."""

    file: Path | None
    is_in_environment: bool
    is_live: bool


def judge_source(sources: KeySources) -> Sequence[Finding]:
    """Return what is to be said of where the key comes from, before it is read."""
    if sources.file is not None:
        return [check_secret_file("key file", sources.file)]
    if sources.is_in_environment:
        expected, found = "a key file (WHALECOPY_PRIVATE_KEY_FILE)", "a key in the environment"
        advice = "put it into a file of mode 0400: other processes of this user read environments"
        level = Level.RED if sources.is_live else Level.AMBER
        return [Finding("key file", level, expected, found, advice)]
    if sources.is_live:
        advice = "set WHALECOPY_PRIVATE_KEY_FILE to a file of mode 0400"
        return [Finding("key file", Level.RED, "a key for live trading", "none", advice)]
    return [Finding("key file", Level.GREEN, "no key of yours", "a wallet made up for paper")]


def judge_wallet(wallet: TradingWallet, wanted_funder: str) -> Finding:
    """Return whether the key moves the money of the wallet that is named."""
    kind = f"signature type {int(wallet.signature_type)}"
    found = f"signer {wallet.signer} for wallet {wallet.funder}, {kind}"
    expected = f"wallet {wanted_funder.lower()}" if wanted_funder else "a wallet of this key"
    if wanted_funder and wanted_funder.lower() != wallet.funder:
        advice = "correct WHALECOPY_FUNDER or WHALECOPY_SIGNATURE_TYPE, or use the wallet's own key"
        return Finding("signer", Level.RED, expected, found, advice)
    return Finding("signer", Level.GREEN, expected, found)


def judge_account(account: TradingAccount, wallet: TradingWallet) -> Finding:
    """Return whether the API user that is kept belongs to the key."""
    expected = f"an API user of signer {wallet.signer} and wallet {wallet.funder}"
    found = f"one of signer {account.user.address} and wallet {account.funder}"
    if (account.user.address, account.funder) != (wallet.signer, wallet.funder):
        advice = "take api-user.json away; a worker makes it anew from the key"
        return Finding("api user", Level.RED, expected, found, advice)
    return Finding("api user", Level.GREEN, expected, found)
