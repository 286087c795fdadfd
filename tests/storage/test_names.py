from storage.names import name_position
from tests.storage.builders import NO, WALLET, WHALE, YES
from trading.types import Wallet


def test_a_position_is_named_by_wallet_whale_token_and_number() -> None:
    other = Wallet("0x" + "00" * 20)
    names = {
        name_position(WALLET, WHALE, YES, 1),
        name_position(WALLET, WHALE, YES, 2),
        name_position(WALLET, WHALE, NO, 1),
        name_position(WALLET, other, YES, 1),
        name_position(other, WHALE, YES, 1),
    }
    assert len(names) == 5
    assert name_position(WALLET, WHALE, YES, 1) in names
