"""The key comes from a file that nobody else can read, and is what it should be."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from exchange.polymarket.wallets import (
    derive_deposit_wallet,
    derive_proxy,
    derive_safe,
    wallet_of_key,
)
from signer.key import KeyUnfitError, hold_key, read_private
from signer.settings import SignerSettings, read_settings
from tests.signer.orders import ACCOUNT, KEY, NOW
from trading.types import SignatureType, Wallet

OWNER = wallet_of_key(SecretStr("0x" + "5d" * 32), SignatureType.POLY_1271)


def settings_of(home: Path, **changes: object) -> SignerSettings:
    env = {"DATABASE_URL": "postgresql://h/db", "WHALECOPY_HOME": str(home)}
    return replace(read_settings(env, "1.0"), **changes)  # type: ignore[arg-type]


def key_file(home: Path, text: str, mode: int = 0o400) -> Path:
    path = home / "key"
    path.write_text(text)
    path.chmod(mode)
    return path


def session_file(home: Path, **changes: object) -> Path:
    kept = {
        "private_key": KEY.get_secret_value(),
        "scope": "CLOB",
        "expires_at": (NOW + timedelta(days=30)).isoformat(),
        "owner": OWNER.signer,
        **changes,
    }
    return key_file(home, json.dumps(kept))


def test_an_owners_key_signs_for_its_own_deposit_wallet(tmp_path: Path) -> None:
    path = key_file(tmp_path, KEY.get_secret_value() + "\n")
    held = hold_key(settings_of(tmp_path, key_file=path), NOW)
    assert held.account == ACCOUNT
    assert KEY.get_secret_value() not in repr(held)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o640, 0o666, 0o410])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyUnfitError, match="chmod 400"):
        read_private(key_file(tmp_path, "x", mode))


def test_links_directories_and_nothing_are_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, "x")
    (tmp_path / "link").symlink_to(path)
    for wrong in (tmp_path / "link", tmp_path / "none", tmp_path):
        with pytest.raises(KeyUnfitError):
            read_private(wrong)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, "x")
    os.chown(path, 65534, -1)
    with pytest.raises(KeyUnfitError, match="chown"):
        read_private(path)


@pytest.mark.parametrize("text", ["words", "0x12", "{", '{"x": 1}', "[]"])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyUnfitError) as error:
        hold_key(settings_of(tmp_path, key_file=key_file(tmp_path, text)), NOW)
    assert text not in str(error.value) or len(text) < 3


def test_a_session_key_signs_for_its_owners_wallet(tmp_path: Path) -> None:
    held = hold_key(settings_of(tmp_path, key_file=session_file(tmp_path)), NOW)
    assert held.account.funder == derive_deposit_wallet(OWNER.signer)
    assert held.account.address == ACCOUNT.address
    assert held.session is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scope": "ALL"}, "scope CLOB"),
        ({"scope": ["CLOB", "COMBOSRFQ"]}, "scope CLOB"),
        ({"expires_at": (NOW + timedelta(days=13)).isoformat()}, "good for 14 days"),
        ({"owner": ACCOUNT.address}, "keep that offline"),
        ({"owner": "nobody"}, "owner's address"),
        ({"expires_at": "soon"}, "cannot be read"),
    ],
)
def test_a_session_key_that_may_too_much_or_too_long_or_too_little_is_refused(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(KeyUnfitError, match=words):
        hold_key(settings_of(tmp_path, key_file=session_file(tmp_path, **changes)), NOW)


def test_a_session_key_is_of_a_deposit_wallet(tmp_path: Path) -> None:
    path = session_file(tmp_path)
    settings = settings_of(tmp_path, key_file=path, signature_type=SignatureType.EOA)
    with pytest.raises(KeyUnfitError, match="signature type 3"):
        hold_key(settings, NOW)


def test_another_wallet_than_the_key_has_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, private_key=KEY, funder=Wallet("0x" + "1" * 40))
    with pytest.raises(KeyUnfitError, match="WHALECOPY_FUNDER"):
        hold_key(settings, NOW)


@pytest.mark.parametrize(
    ("signature_type", "derive"),
    [(SignatureType.POLY_PROXY, derive_proxy), (SignatureType.POLY_GNOSIS_SAFE, derive_safe)],
)
def test_wallets_of_the_old_kinds_are_derived(
    tmp_path: Path, signature_type: SignatureType, derive: Callable[[Wallet], Wallet]
) -> None:
    settings = settings_of(tmp_path, private_key=KEY, signature_type=signature_type)
    account = hold_key(settings, NOW).account
    assert account.funder == derive(account.address) != account.address


def test_a_paper_wallet_is_made_once_and_never_in_live_mode(tmp_path: Path) -> None:
    first, again = hold_key(settings_of(tmp_path), NOW), hold_key(settings_of(tmp_path), NOW)
    assert first.account == again.account
    with pytest.raises(KeyUnfitError, match="KEY_FILE"):
        hold_key(settings_of(tmp_path, is_live=True), NOW)
