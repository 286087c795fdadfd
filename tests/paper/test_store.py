"""Tests of what the venue's file keeps and of homes that cannot be used."""

import sqlite3
from pathlib import Path

import pytest

from paper.model import ChainLog, Side
from paper.playback import Play
from paper.redemption import Redemption
from paper.registry import Listing
from paper.store import FILE, Changes, Store, StoreError
from tests.paper.engine_room import ANNA, CONDITION, START, YES, Wish, a_market, a_trade, levels
from tests.paper.test_chain import a_maker
from tests.paper.test_orders import a_record

PLAY = Play("abcd1234", "tiny", 2, START, START, 5, 17)
REDEMPTION = Redemption(ANNA, CONDITION, YES, "Yes", 5, 5, START, "0x01")


def a_log(number: int) -> ChainLog:
    return ChainLog("0xE1", ("0x01",), "0x02", number, "0x03", 7, "0x04", 0, 0)


def test_all_that_is_saved_is_loaded_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    listing = Listing(a_market(), "play", resolves_at=START, result=(1_000_000, 0))
    listing.book.record((), levels(("0.40", "5")))
    listing.book.take(Side.SELL, 400_000, 30_000)
    orders = [a_record(Wish()), a_record(Wish(side=Side.SELL))]
    trades = [a_trade(trade_id=f"{number}", makers=(a_maker(),)) for number in (2, 1)]
    store.save(
        Changes(
            play=PLAY,
            balances=[(ANNA, "", -(10**15)), (ANNA, YES, 7)],
            orders=orders,
            trades=trades,
            listings=[listing],
            blocks=[(5, 50), (6, 52)],
            logs=[a_log(5), a_log(6)],
            redemptions=[REDEMPTION],
        )
    )
    store.close()
    again = Store(tmp_path)
    assert again.load_plays() == [PLAY]
    assert sorted(again.load_balances()) == [(ANNA, "", -(10**15)), (ANNA, YES, 7)]
    assert again.load_orders() == orders
    assert again.load_trades() == trades
    assert [saved.market for saved in again.load_listings()] == [listing.market]
    assert again.load_listings()[0].result == (1_000_000, 0)
    assert again.load_taken() == [(CONDITION, Side.SELL, 400_000, 30_000)]
    assert again.load_blocks() == [(5, 50), (6, 52)]
    assert again.load_logs(6) == [a_log(6)]
    assert again.load_redemptions() == [REDEMPTION]
    again.close()


def test_what_is_saved_again_keeps_its_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = a_record(Wish()), a_record(Wish())
    store.save(Changes(orders=[first, second]))
    first.posts = 2
    store.save(Changes(orders=[first]))
    assert store.load_orders() == [first, second]
    store.close()


def test_api_keys_and_settings_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_api_key(ANNA, "key", "secret", "passphrase")
    store.save_api_key(ANNA, "other", "secret", "passphrase")
    store.delete_api_key("other")
    store.save_setting("secret", "abc")
    store.close()
    again = Store(tmp_path)
    assert again.load_api_keys() == [(ANNA, "key", "secret", "passphrase")]
    assert again.load_setting("secret") == "abc"
    assert again.load_setting("none") is None
    again.close()


def test_a_save_that_fails_saves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store._file.execute("DROP TABLE logs")
    with pytest.raises(StoreError, match="logs"):
        store.save(Changes(balances=[(ANNA, "", 1)], logs=[a_log(1)]))
    assert store.load_balances() == []
    store.close()


def test_the_log_is_brought_home_while_the_file_is_open(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(Changes(balances=[(ANNA, "", 1)]))
    before = (tmp_path / FILE).stat().st_size
    store.save(Changes(balances=[(str(number), "", 1) for number in range(5_000)]))
    store.checkpoint()
    assert (tmp_path / FILE).stat().st_size > before
    assert len(store.load_balances()) == 5_001
    store.close()


def test_two_venues_cannot_share_a_home(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="in use by another local venue"):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file cannot be written"):
        Store(tmp_path / "file")


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("this is no database, however long one looks at it" * 50)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"venue\.db: file is not a database"):
            Store(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_setting("format", "99")
    store.close()
    with pytest.raises(StoreError, match="expected format 1, found 99"):
        Store(tmp_path)


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("INSERT INTO orders VALUES ('0x01', '{}')")
    other.close()
    with pytest.raises(StoreError, match="a row cannot be read"):
        store.load_orders()
    store.close()
