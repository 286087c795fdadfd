from paper.names import Names, invented_name
from tests.paper.told_venue import CROWD, WHALE, a_past_wallet


def test_a_tapes_wallet_keeps_its_name_and_is_marked() -> None:
    names = Names(lambda: [a_past_wallet()])
    assert names.of(WHALE.upper().replace("X", "x"), is_invented=True) == "invented-kestrel"


def test_other_invented_wallets_are_numbered() -> None:
    names = Names(list)
    assert names.of(CROWD, is_invented=True) == f"invented-{0x2222}"
    assert names.of("nobody", is_invented=True).startswith("invented-")
    assert names.of("", is_invented=True) == "invented-0"


def test_clients_have_no_public_name() -> None:
    assert Names(list).of(CROWD, is_invented=False) == ""


def test_a_name_is_marked_once() -> None:
    assert invented_name("invented-owl") == invented_name("owl") == "invented-owl"
