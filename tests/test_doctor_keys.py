"""A key is judged by who may use it, whose money it moves, and how long it is good for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doctor_findings import Level
from doctor_keys import (
    KeyOwner,
    KeySources,
    judge_account,
    judge_build,
    judge_owner,
    judge_session,
    judge_source,
    read_signer,
)
from tests.exchange.samples import account
from trading.types import SignatureType, Wallet

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OWNER = KeyOwner(Wallet("0x" + "1" * 40), Wallet("0x" + "2" * 40), SignatureType.POLY_1271)


@pytest.mark.parametrize(
    ("is_in_environment", "is_live", "level"),
    [
        (False, False, Level.GREEN),
        (True, False, Level.AMBER),
        (True, True, Level.RED),
        (False, True, Level.RED),
    ],
)
def test_without_a_file_it_counts_whether_money_is_real(
    is_in_environment: bool, is_live: bool, level: Level
) -> None:
    (found,) = judge_source(KeySources(None, is_in_environment, is_live))
    assert found.level is level


def test_a_live_key_may_be_written_by_nobody(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.touch(mode=0o600)
    key_file.chmod(0o600)
    assert judge_source(KeySources(key_file, False, False))[0].level is Level.GREEN
    assert judge_source(KeySources(key_file, False, True))[0].level is Level.RED
    key_file.chmod(0o400)
    assert judge_source(KeySources(key_file, False, True))[0].level is Level.GREEN


def test_a_key_of_another_wallet_is_red() -> None:
    assert judge_owner(OWNER, "").level is Level.GREEN
    assert judge_owner(OWNER, OWNER.funder.upper().replace("0X", "0x")).level is Level.GREEN
    assert judge_owner(OWNER, "0x" + "3" * 40).level is Level.RED


def test_an_api_user_of_another_key_is_red() -> None:
    trading = account()
    owner = KeyOwner(trading.user.address, trading.funder, trading.signature_type)
    assert judge_account(trading, owner).level is Level.GREEN
    assert judge_account(trading, OWNER).level is Level.RED


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (timedelta(days=30), Level.GREEN),
        (timedelta(days=29), Level.AMBER),
        (timedelta(days=3), Level.AMBER),
        (timedelta(days=2, hours=23), Level.RED),
        (timedelta(days=-1), Level.RED),
    ],
)
def test_a_session_key_is_judged_by_the_days_it_has_left(left: timedelta, level: Level) -> None:
    assert judge_session(NOW + left, NOW, is_live=True).level is level


def test_an_owners_own_key_is_amber_in_live_mode() -> None:
    assert judge_session(None, NOW, is_live=True).level is Level.AMBER
    assert judge_session(None, NOW, is_live=False).level is Level.GREEN


def test_a_signer_of_another_build_is_red() -> None:
    assert judge_build("0.1.0", "0.1.0").level is Level.GREEN
    assert judge_build("0.2.0", "0.1.0").level is Level.RED


def test_what_a_signer_says_is_read_or_refused() -> None:
    said = {"address": OWNER.signer, "funder": OWNER.funder, "signature_type": 3}
    word = read_signer({**said, "session_ends_at": NOW.isoformat(), "build": "b"})
    assert (word.owner, word.session_ends_at, word.build) == (OWNER, NOW, "b")
    assert read_signer(said).session_ends_at is None
    with pytest.raises(ValueError, match="address"):
        read_signer({})
