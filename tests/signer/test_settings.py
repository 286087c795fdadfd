"""The signer's settings are its own, and wrong ones stop it."""

from decimal import Decimal
from pathlib import Path

import pytest

from signer.settings import (
    SignerLimits,
    SignerSettingsError,
    read_limits,
    read_settings,
    socket_path,
    write_limits,
)
from trading.profiles import DEFAULT
from trading.types import SignatureType, Usd

BASE = {"DATABASE_URL": "postgresql://h/db", "WHALECOPY_HOME": "/h"}


def test_the_defaults_are_the_rules_own_numbers() -> None:
    limits, risk = SignerLimits().risk, DEFAULT.risk
    assert limits.order_max == risk.order_max
    assert limits.orders_per_min_max == risk.orders_per_min_max
    assert limits.orders_per_min_token_max == risk.orders_per_min_token_max
    assert limits.notional_per_min_max == risk.notional_per_min_max
    assert limits.notional_per_day_max == risk.notional_per_day_max
    assert limits.repeats_max == risk.repeats_max
    assert limits.open_orders_max == risk.open_orders_max
    assert limits.daily_loss_max == risk.daily_loss_max
    assert limits.attempts_max == risk.attempts_max


def test_settings_come_from_the_environment_and_show_no_secret() -> None:
    env = {
        **BASE,
        "WHALECOPY_SIGNER_DATABASE_URL": "postgresql://signer:words@h/db",
        "WHALECOPY_PRIVATE_KEY": "0xkey",
        "WHALECOPY_SIGNATURE_TYPE": "0",
        "WHALECOPY_FUNDER": "0xAB",
        "WHALECOPY_SIGNER_PEERS": "7,8",
        "WHALECOPY_SIGNER_MAX_ORDER_USD": "12.50",
    }
    settings = read_settings(env, "1.0")
    assert settings.socket == Path("/h/run/signer.sock")
    assert settings.signature_type is SignatureType.EOA
    assert settings.funder == "0xab"
    assert settings.peers == {7, 8}
    assert settings.build == "1.0"
    assert settings.limits.order_usd == Decimal("12.50")
    assert "words" not in repr(settings)
    assert "0xkey" not in repr(settings)


def test_limits_are_read_as_they_are_written() -> None:
    limits = SignerLimits(order_usd=Usd(Decimal(5)), attests_per_hour=1, exits_per_min=2)
    assert read_limits(write_limits(limits)) == limits


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WHALECOPY_SIGNER_MAX_ORDER_USD", "lots"),
        ("WHALECOPY_SIGNER_MAX_ORDER_USD", "-1"),
        ("WHALECOPY_SIGNER_MAX_ORDER_USD", "NaN"),
        ("WHALECOPY_SIGNER_MAX_ORDERS_PER_MIN", "-1"),
        ("WHALECOPY_SIGNATURE_TYPE", "x"),
    ],
)
def test_a_wrong_setting_stops_it_by_name(name: str, text: str) -> None:
    with pytest.raises(SignerSettingsError, match=name):
        read_settings({**BASE, name: text}, "1.0")


def test_records_are_needed() -> None:
    with pytest.raises(SignerSettingsError, match="DATABASE_URL"):
        read_settings({}, "1.0")


def test_live_trading_takes_a_key_from_a_file_only() -> None:
    live = {**BASE, "TRADING_MODE": "live", "WHALECOPY_PRIVATE_KEY": "0x1"}
    with pytest.raises(SignerSettingsError, match="KEY_FILE"):
        read_settings(live, "1.0")
    read_settings({**live, "WHALECOPY_PRIVATE_KEY_FILE": "/k"}, "1.0")


def test_the_socket_may_lie_elsewhere() -> None:
    assert socket_path({**BASE, "WHALECOPY_SIGNER_SOCKET": "/run/s"}) == Path("/run/s")
