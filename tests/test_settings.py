import os
import pickle
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from scrubbing import SCRUBBER
from settings import Profile, Settings, TradingMode, load_settings
from trading.types import OrderType, SizingMode

OURS = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)


def test_without_any_setting_nothing_real_is_traded() -> None:
    settings = Settings()
    assert settings.trading_mode is TradingMode.PAPER
    assert not settings.may_trade_live
    assert settings.bind == "127.0.0.1"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_MODE", "replay")
    monkeypatch.setenv("WHALECOPY_PROFILE", "replay")
    monkeypatch.setenv("WHALECOPY_REPLAY_SPEED", "20")
    monkeypatch.setenv("WHALECOPY_ENTRY_ORDER_TYPE", "GTC")
    monkeypatch.setenv("WHALECOPY_SIZING_MODE", "FIXED")
    monkeypatch.setenv("WHALECOPY_FIXED_NOTIONAL_USD", "25.5")
    monkeypatch.setenv("WHALECOPY_CLOB_URL", "http://127.0.0.1:1")
    settings = Settings()
    assert settings.profile is Profile.REPLAY
    assert settings.rules.orders.entry_order_type is OrderType.GTC
    assert settings.rules.sizing.mode is SizingMode.FIXED
    assert settings.rules.sizing.fixed_notional == Decimal("25.5")
    assert settings.endpoints.clob == "http://127.0.0.1:1"


def test_a_process_can_tell_which_servers_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1")
    assert Settings().missing == "DATABASE_URL, TEMPORAL_ADDRESS"


def test_live_trading_needs_both_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_MODE", "live")
    for said in ("", "YES", "true", "1"):
        monkeypatch.setenv("LIVE_TRADING", said)
        with pytest.raises(ValidationError, match="LIVE_TRADING=yes"):
            Settings()
    monkeypatch.setenv("LIVE_TRADING", "yes")
    assert Settings().may_trade_live


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [
        ("WHALECOPY_REPLAY_SPEED", "0"),
        ("WHALECOPY_REPLAY_SPEED", "-3"),
        ("WHALECOPY_REPLAY_SPEED", "Infinity"),
        ("WHALECOPY_FIXED_NOTIONAL_USD", "NaN"),
        ("WHALECOPY_PERCENT", "1.5"),
        ("WHALECOPY_QUARANTINE_S", "0"),
        ("WHALECOPY_METRICS_PORT", "-1"),
        ("WHALECOPY_DASHBOARD_PORT", "65536"),
        ("WHALECOPY_WHALES", '["0x12"]'),
    ],
)
def test_impossible_figures_are_refused(
    variable: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, wrong)
    with pytest.raises(ValidationError):
        Settings()


def test_a_wrong_setting_does_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALECOPY_PRIVATE_KEY", "0x" + "ab" * 32)
    monkeypatch.setenv("WHALECOPY_REPLAY_SPEED", "0")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "abab" not in str(caught.value)
    monkeypatch.delenv("WHALECOPY_REPLAY_SPEED")
    assert "abab" not in repr(Settings())


@pytest.mark.parametrize("profile", list(Profile))
def test_every_profile_has_rules(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALECOPY_PROFILE", profile.value)
    assert Settings().rules.risk.wallet_max > 0


def test_the_quarantine_can_be_set_but_not_below_the_rules_where_money_is_real(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_the_rules = Settings().rules.orders.quarantine
    monkeypatch.setenv("WHALECOPY_QUARANTINE_S", "3")
    assert Settings().rules.orders.quarantine == timedelta(seconds=3)
    monkeypatch.setenv("TRADING_MODE", "live")
    monkeypatch.setenv("LIVE_TRADING", "yes")
    with pytest.raises(ValidationError, match="45 or more"):
        Settings()
    monkeypatch.setenv("WHALECOPY_QUARANTINE_S", "45")
    assert Settings().rules.orders.quarantine == of_the_rules


def test_caps_can_be_lowered_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_rules = Settings().rules.risk
    monkeypatch.setenv("WHALECOPY_WALLET_MAX_USD", "1200.50")
    monkeypatch.setenv("WHALECOPY_POSITION_MAX_USD", "1000000")
    risk = Settings().rules.risk
    assert risk.wallet_max == Decimal("1200.50")
    assert risk.position_max == of_the_rules.position_max
    assert (risk.whale_max, risk.market_max) == (of_the_rules.whale_max, of_the_rules.market_max)


PASSWORDS = (
    "pass-of-postgres",
    "pass-of-redis",
    "key-of-the-node-1",
    "0x" + "7a" * 32,
    "relayer-1",
    "pass-of-the-node",
    "pass-of-the-signer",
)


@pytest.fixture
def with_secrets(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that hold every secret there is."""
    postgres, redis, node, key, relayer, of_node, of_signer = PASSWORDS
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:{postgres}@db.example/whales")
    monkeypatch.setenv("REDIS_URL", f"redis://:{redis}@redis.example:6379")
    monkeypatch.setenv("WHALECOPY_RPC_HTTP_URLS", f'["https://u:{of_node}@rpc.example/v2/{node}"]')
    monkeypatch.setenv("WHALECOPY_SIGNER_DATABASE_URL", f"postgresql://s:{of_signer}@db.example/w")
    monkeypatch.setenv("WHALECOPY_PRIVATE_KEY", key)
    monkeypatch.setenv("WHALECOPY_RELAYER_API_KEY", relayer)
    return Settings()


def test_settings_show_no_secret(with_secrets: Settings) -> None:
    shown = f"{with_secrets} {with_secrets!r} {with_secrets.endpoints!r}"
    assert "db.example" in shown
    assert [word for word in PASSWORDS if word in shown] == []


def test_settings_with_secrets_are_not_pickled(with_secrets: Settings) -> None:
    with pytest.raises(TypeError, match="expected something to pickle"):
        pickle.dumps(with_secrets)


def test_what_the_settings_hold_is_scrubbed_from_then_on(with_secrets: Settings) -> None:
    assert set(with_secrets.secrets) == set(PASSWORDS)
    load_settings.cache_clear()
    load_settings()
    load_settings.cache_clear()
    told = SCRUBBER.scrub_text(" ".join(PASSWORDS))
    assert [word for word in PASSWORDS if word in told] == []


def test_a_key_of_one_s_own_is_told_from_the_paper_wallet(with_secrets: Settings) -> None:
    assert with_secrets.holds_a_key
    assert not Settings(private_key=None).holds_a_key
