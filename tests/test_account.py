import contextlib
import json
import stat
from pathlib import Path

import aiohttp
import pytest

from account import (
    Account,
    AccountError,
    load_account,
    open_account,
    open_wallet,
    refuse_production,
    wallet_file,
)
from exchange.polymarket.endpoints import VenueAccess
from exchange.secret import Secret
from process import utc_now
from scrubbing import SCRUBBER
from settings import Settings, TradingMode
from signer.client import RefusedError, RemoteSigner, SignerLink
from signer.server import SocketPlace, serving
from tests.signer.test_client import ME, FakeDesk
from trading.types import SignatureType

KEY = "0x" + "11" * 32
OTHER = "0x" + "22" * 20
WALLET = "0x" + "33" * 20
LOCAL = "http://127.0.0.1:9"


def settings_of(home: Path, **given: object) -> Settings:
    known = Settings.model_validate(
        {"home": home, "signature_type": SignatureType.EOA, "private_key": None, **given}
    )
    assert isinstance(known, Settings)
    return known


def test_a_paper_wallet_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    first, again = open_wallet(settings), open_wallet(settings)
    assert first == again
    assert stat.S_IMODE(wallet_file(settings).stat().st_mode) == 0o600


def test_every_signature_type_has_a_wallet_of_its_own(tmp_path: Path) -> None:
    funders = {
        open_wallet(settings_of(tmp_path, signature_type=kind)).funder
        for kind in (SignatureType.EOA, SignatureType.POLY_1271)
    }
    assert len(funders) == 2


def test_a_given_key_is_used_and_never_written(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY + "\n")
    by_value = open_wallet(settings_of(tmp_path, private_key=Secret(KEY)))
    by_file = open_wallet(settings_of(tmp_path, private_key_file=key_file))
    assert by_value.funder == by_file.funder
    assert not wallet_file(settings_of(tmp_path)).exists()


def test_a_funder_that_does_not_belong_to_the_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="WHALECOPY_FUNDER") as caught:
        open_wallet(settings_of(tmp_path, private_key=Secret(KEY), funder=OTHER))
    assert KEY not in str(caught.value)


def test_live_trading_makes_no_wallet_up(tmp_path: Path) -> None:
    live = settings_of(tmp_path).model_copy(update={"trading_mode": TradingMode.LIVE})
    with pytest.raises(AccountError, match="WHALECOPY_PRIVATE_KEY_FILE"):
        open_wallet(live)


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="WHALECOPY_PRIVATE_KEY_FILE"):
        open_wallet(settings_of(tmp_path, private_key_file=tmp_path / "none"))


@pytest.mark.parametrize("wrong", ["", "0x12", "zz" * 32])
def test_a_key_that_is_none_is_refused_without_showing_it(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(AccountError, match="private key") as caught:
        open_wallet(settings_of(tmp_path, private_key=Secret(wrong)))
    assert not wrong or wrong not in str(caught.value)


def test_a_listener_reads_the_account_without_its_key(tmp_path: Path) -> None:
    kept = {
        "address": OTHER,
        "funder": OTHER,
        "signature_type": 3,
        "key": "k",
        "secret": "s",
        "passphrase": "p",
    }
    (tmp_path / "api-user.json").write_text(json.dumps(kept))
    account = load_account(settings_of(tmp_path))
    assert (account.funder, account.signature_type) == (OTHER, SignatureType.POLY_1271)
    assert "secret='s'" not in repr(account)


@pytest.mark.parametrize("kept", [None, "", "[]", '{"address": "0x1"}'])
def test_an_account_that_is_missing_or_broken_says_what_to_do(
    tmp_path: Path, kept: str | None
) -> None:
    if kept is not None:
        (tmp_path / "api-user.json").write_text(kept)
    with pytest.raises(AccountError, match="start a worker first"):
        load_account(settings_of(tmp_path))


@pytest.mark.parametrize("mode", [TradingMode.PAPER, TradingMode.REPLAY])
def test_nothing_is_sent_to_production_outside_live_mode(tmp_path: Path, mode: TradingMode) -> None:
    settings = settings_of(tmp_path).model_copy(update={"trading_mode": mode})
    assert settings.endpoints.is_production
    with pytest.raises(AccountError, match="WHALECOPY_CLOB_URL"):
        refuse_production(settings)


def test_a_local_venue_is_traded_in_every_mode(tmp_path: Path) -> None:
    local = settings_of(tmp_path, clob_url="http://127.0.0.1:8900")
    refuse_production(local)
    live = settings_of(tmp_path).model_copy(update={"trading_mode": TradingMode.LIVE})
    refuse_production(live)


def test_what_opens_the_account_is_told_in_no_line_any_more(tmp_path: Path) -> None:
    made = open_wallet(settings_of(tmp_path)).private_key.get_secret_value()
    kept = {"key": "an-api-key-1", "secret": "c2VjcmV0LTE=", "passphrase": "a-passphrase-1"}
    whole = {**kept, "address": OTHER, "funder": OTHER, "signature_type": 0}
    (tmp_path / "api-user.json").write_text(json.dumps(whole))
    account = load_account(settings_of(tmp_path))
    told = SCRUBBER.scrub_text(f"{made} {kept}")
    assert [word for word in (made[2:], *kept.values()) if word in told] == []
    assert [word for word in kept.values() if word in repr(account)] == []


def write_user(home: Path, address: str) -> None:
    kept = {"key": "k", "secret": "c2VjcmV0LTE=", "passphrase": "p", "address": address}
    (home / "api-user.json").write_text(json.dumps({**kept, "funder": WALLET, "signature_type": 3}))


async def opened_by_signer(home: Path, **given: object) -> Account:
    """Open the account of a signer that attests no more; none of it needs the venue."""
    said = {"address": OTHER, "funder": WALLET, "signature_type": 3}
    no = {"code": "attests_per_hour", "wanted": "61", "cap": "60"}
    settings = settings_of(home, clob_url=LOCAL, signer_socket=home / "s", **given)
    link = SignerLink(home / "s")
    async with (
        aiohttp.ClientSession() as session,
        serving(SocketPlace(home / "s", ME), FakeDesk({"ok": said}, {"no": no}).answer),
        contextlib.AsyncExitStack() as end,
    ):
        end.callback(link.close)
        end.enter_context(pytest.MonkeyPatch.context()).setattr(
            "account.SignerLink", lambda _: link
        )
        return await open_account(settings, VenueAccess(settings.endpoints, session, utc_now))


async def test_a_key_in_the_workers_process_is_refused_in_live_mode(tmp_path: Path) -> None:
    given = {"private_key": Secret(KEY), "trading_mode": "live", "live_trading": "yes"}
    settings = settings_of(tmp_path, **given)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(AccountError, match="WHALECOPY_SIGNER_SOCKET"):
            await open_account(settings, VenueAccess(settings.endpoints, session, utc_now))


async def test_a_signer_for_another_wallet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match=f"is for {WALLET}"):
        await opened_by_signer(tmp_path, funder=OTHER)


async def test_a_signer_that_attests_no_more_leaves_the_user_that_was_kept(tmp_path: Path) -> None:
    write_user(tmp_path, OTHER)
    account = await opened_by_signer(tmp_path)
    assert (account.trading.user.address, account.trading.funder) == (OTHER, WALLET)
    assert isinstance(account.signer, RemoteSigner)


@pytest.mark.parametrize("kept", [None, WALLET])
async def test_without_a_kept_user_of_this_key_the_signers_no_is_told(
    tmp_path: Path, kept: str | None
) -> None:
    if kept is not None:
        write_user(tmp_path, kept)
    with pytest.raises(RefusedError, match="attests_per_hour, wanted 61, allowed 60"):
        await opened_by_signer(tmp_path)
