"""The signer's service has the key and fitting limits; nobody else has the key."""

import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from embedded.services import Stage
from launch_signer import (
    KEY_FILE,
    LOGIN,
    SOCKET,
    USER,
    answers,
    limits_of,
    name_socket,
    signer_service,
)
from settings import Profile, Settings
from signer.settings import SignerLimits
from surroundings import Process, environment_for
from trading.profiles import DEFAULT, LOAD, replay

KEY = {"WHALECOPY_PRIVATE_KEY": "0x1", "WHALECOPY_PRIVATE_KEY_FILE": "/k"}


def env_of(home: Path, mode: str, **more: str) -> dict[str, str]:
    return {SOCKET: str(home / "s"), "TRADING_MODE": mode, **KEY, **more}


def test_only_the_signer_is_given_the_key(tmp_path: Path) -> None:
    service = signer_service(env_of(tmp_path, "replay"), Settings())
    assert service.command == (sys.executable, "-m", "signer")
    assert service.stage is Stage.SERVER
    assert service.env.items() >= KEY.items()
    for process in Process:
        if process is not Process.SIGNER:
            assert not KEY.keys() & environment_for(process, KEY).keys()


def test_a_signer_with_a_login_of_its_own_is_not_given_the_workers(tmp_path: Path) -> None:
    urls = {"DATABASE_URL": "postgresql://all@h/d"}
    given = signer_service(env_of(tmp_path, "replay", **urls), Settings()).env
    assert given.items() >= urls.items()
    own = {LOGIN: "postgresql://few@h/d"}
    given = signer_service(env_of(tmp_path, "replay", **urls, **own), Settings()).env
    assert given.items() >= own.items()
    assert not given.keys() & urls.keys()


def test_a_key_file_named_from_here_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for named in ("key.json", str(tmp_path / "key.json")):
        env = signer_service(env_of(tmp_path, "live", **{KEY_FILE: named}), Settings()).env
        assert env[KEY_FILE] == str(tmp_path / "key.json")
    assert KEY_FILE not in signer_service(env_of(tmp_path, "live"), Settings()).env


def test_live_limits_are_the_signers_own_and_a_persons_word_stands(tmp_path: Path) -> None:
    live = signer_service(env_of(tmp_path, "live"), Settings()).env
    assert not [name for name in live if name.startswith("WHALECOPY_SIGNER_MAX")]
    mine = {"WHALECOPY_SIGNER_MAX_ORDER_USD": "5"}
    for mode in ("live", "replay"):
        env = signer_service(env_of(tmp_path, mode, **mine), Settings()).env
        assert env["WHALECOPY_SIGNER_MAX_ORDER_USD"] == "5"


def test_a_profile_that_departs_from_the_rules_has_limits_that_fit(tmp_path: Path) -> None:
    loaded = Settings(profile=Profile.LOAD)
    env = signer_service(env_of(tmp_path, "replay"), loaded).env
    assert env["WHALECOPY_SIGNER_MAX_ORDERS_PER_MIN"] == str(LOAD.risk.orders_per_min_max)
    fast = limits_of(replay(Decimal(20)))
    assert fast.orders_per_min == 600
    assert fast.usd_per_day == replay(Decimal(20)).risk.notional_per_day_max == 700_000
    assert limits_of(LOAD).usd_per_day > 10**8
    default = limits_of(DEFAULT)
    assert (default.usd_per_day, default.exits_per_min) == (
        SignerLimits().usd_per_day,
        SignerLimits().exits_per_min,
    )


def test_the_socket_lies_in_a_private_short_place_or_where_a_person_wants_it(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("d" * 90)
    path = name_socket(deep, {})
    assert len(os.fsencode(path)) <= 100
    assert path == name_socket(deep, {})
    assert name_socket(deep, {SOCKET: "/run/x"}) == Path("/run/x")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_it_becomes_another_user_where_there_is_one(tmp_path: Path) -> None:
    env = env_of(tmp_path, "replay", **{USER: "nobody"})
    assert signer_service(env, Settings()).command[-2:] == ("--user", "nobody")
    missing = env_of(tmp_path, "replay", **{USER: "no-such-user"})
    assert signer_service(missing, Settings()).command[-1] == "signer"


async def test_it_is_ready_when_it_says_whom_it_signs_for(tmp_path: Path) -> None:
    assert not await answers(tmp_path / "nothing")
