"""Tests of writing addresses."""

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from embedded.addresses import (
    Addresses,
    driver_dsn,
    forget_addresses,
    load_addresses,
    normalise_database_url,
    save_addresses,
    without_password,
)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgres://u:p@h:5432/db", "postgresql+asyncpg://u:p@h:5432/db"),
        ("postgresql://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
        (" postgresql+psycopg2://h/db\n", "postgresql+asyncpg://h/db"),
        (
            "postgresql+asyncpg://postgres@/db?host=/a/b",
            "postgresql+asyncpg://postgres@/db?host=/a/b",
        ),
        ("postgres:///db?host=/a%20b", "postgresql+asyncpg:///db?host=/a%20b"),
        ("postgresql://h/db?sslmode=require", "postgresql+asyncpg://h/db?ssl=require"),
        (
            "postgresql://u:p%40x@h/db?sslmode=verify-full&channel_binding=require",
            "postgresql+asyncpg://u:p%40x@h/db?ssl=verify-full",
        ),
    ],
)
def test_usual_addresses_are_rewritten_for_our_driver(given: str, wanted: str) -> None:
    assert normalise_database_url(given) == wanted
    assert normalise_database_url(wanted) == wanted
    assert make_url(wanted).get_driver_name() == "asyncpg"


@pytest.mark.parametrize("given", ["mysql://u:secret@h/db", "localhost:5432", "", "sqlite:///x"])
def test_other_addresses_are_refused_without_showing_them(given: str) -> None:
    with pytest.raises(ValueError, match="expected postgresql://") as caught:
        normalise_database_url(given)
    assert "secret" not in str(caught.value)


def test_the_driver_gets_its_own_form() -> None:
    url = "postgresql+asyncpg://u:p@h/db?ssl=require&host=/a"
    assert driver_dsn(url) == "postgresql://u:p@h/db?sslmode=require&host=%2Fa"


def test_an_address_is_shown_without_its_password() -> None:
    assert without_password("postgres://u:p@h:1/db?password=x") == "postgres://h:1/db"
    assert without_password("redis://:p@h:6379/0") == "redis://h:6379/0"


def test_addresses_are_left_for_others_and_taken_back(tmp_path: Path) -> None:
    addresses = Addresses("postgresql+asyncpg://h/db", "unix:///s", "127.0.0.1:7233", None)
    assert load_addresses(tmp_path) is None
    save_addresses(tmp_path, addresses)
    assert load_addresses(tmp_path) == addresses
    assert (tmp_path / "addresses.json").stat().st_mode & 0o777 == 0o600
    forget_addresses(tmp_path)
    forget_addresses(tmp_path)
    assert load_addresses(tmp_path) is None
