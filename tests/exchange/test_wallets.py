"""Wallets are derived as the venue derives them, and kept where only their owner can read."""

import json
import stat
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from polymarket._internal.wallet import (
    derive_beacon_deposit_wallet_address,
    derive_proxy_wallet_address,
    derive_safe_wallet_address,
)
from polymarket.environments import PRODUCTION
from pydantic import SecretStr

from exchange.polymarket.wallets import (
    derive_deposit_wallet,
    generate_wallet,
    load_wallet,
    save_wallet,
    wallet_of_key,
)
from tests.exchange.samples import KEY
from trading.types import SignatureType


@pytest.mark.parametrize("number", range(1, 9))
def test_a_deposit_wallet_is_where_the_public_client_expects_it(number: int) -> None:
    key = SecretStr("0x" + number.to_bytes(32, "big").hex())
    wallet = wallet_of_key(key, SignatureType.POLY_1271)
    expected = derive_beacon_deposit_wallet_address(
        to_checksum_address(wallet.signer), PRODUCTION._config.wallet_derivation
    )
    assert wallet.funder == expected.lower()
    assert derive_deposit_wallet(wallet.signer) == wallet.funder


def test_a_plain_wallet_trades_its_own_money() -> None:
    wallet = generate_wallet(SignatureType.EOA)
    assert wallet.funder == wallet.signer


def test_no_two_generated_wallets_are_equal() -> None:
    wallets = {generate_wallet(SignatureType.POLY_1271).funder for _ in range(5)}
    assert len(wallets) == 5


@pytest.mark.parametrize("number", range(1, 9))
def test_the_older_wallets_are_where_the_public_client_expects_them(number: int) -> None:
    key = SecretStr("0x" + number.to_bytes(32, "big").hex())
    proxy = wallet_of_key(key, SignatureType.POLY_PROXY)
    safe = wallet_of_key(key, SignatureType.POLY_GNOSIS_SAFE)
    places, signer = PRODUCTION._config.wallet_derivation, to_checksum_address(proxy.signer)
    assert proxy.funder == derive_proxy_wallet_address(signer, places).lower()
    assert safe.funder == derive_safe_wallet_address(signer, places).lower()


@pytest.mark.parametrize("signature_type", list(SignatureType))
def test_a_wallet_comes_back_from_its_file(tmp_path: Path, signature_type: SignatureType) -> None:
    wallet = generate_wallet(signature_type)
    save_wallet(tmp_path / "wallet.json", wallet)
    assert load_wallet(tmp_path / "wallet.json") == wallet
    assert stat.S_IMODE((tmp_path / "wallet.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["wallet.json"]


def test_a_kept_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    save_wallet(path, generate_wallet(SignatureType.EOA))
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        save_wallet(path, generate_wallet(SignatureType.EOA))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "0x" + "0b" * 32,
        json.dumps({"private_key": "secret-words", "funder": "0x" + "1" * 40, "signature_type": 0}),
        json.dumps({"private_key": "0x01", "funder": "0x1", "signature_type": 0}),
    ],
)
def test_another_file_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wallet.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"expected a (wallet|private key)") as caught:
        load_wallet(path)
    assert "0b0b" not in str(caught.value)
    assert "secret-words" not in str(caught.value)


def test_a_wallet_does_not_show_its_key() -> None:
    wallet = wallet_of_key(KEY, SignatureType.EOA)
    assert KEY.get_secret_value()[2:] not in repr(wallet)
