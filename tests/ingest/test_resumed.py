"""What an earlier listener left waits for the rest of its order, and not for ever."""

from dataclasses import replace
from datetime import timedelta

from ingest.resumed import GRACE, Resumed
from tests.storage.builders import NOW, YES, whale_fill
from trading.types import TokenId, Wallet

FIRST = whale_fill()
OTHER = replace(FIRST, wallet=Wallet("0x" + "99" * 20))


def test_what_waits_is_taken_out_beside_the_next_fill_of_its_wallet_and_token() -> None:
    resumed = Resumed([FIRST, OTHER], NOW + GRACE)
    assert resumed.beside(replace(FIRST, token_id=TokenId("7"))) == []
    assert FIRST.token_id == YES
    assert resumed.beside(replace(FIRST, log_index=5)) == [FIRST]
    assert resumed.beside(FIRST) == []
    assert resumed.next_due_at == NOW + GRACE


def test_what_waits_is_due_after_the_grace() -> None:
    resumed = Resumed([FIRST, OTHER], NOW + GRACE)
    assert resumed.due(NOW + GRACE - timedelta(milliseconds=1)) == []
    assert resumed.due(NOW + GRACE) == [FIRST, OTHER]
    assert resumed.due(NOW + GRACE) == []
    assert resumed.next_due_at is None


def test_nothing_waits_at_a_first_start() -> None:
    assert Resumed().due(NOW) == []
    assert Resumed().next_due_at is None
