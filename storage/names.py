"""How positions are named."""

from hashlib import sha256

from trading.types import PositionId, TokenId, Wallet


def name_position(wallet: Wallet, whale: Wallet, token_id: TokenId, n: int) -> PositionId:
    """Return the id of the n-th position of a wallet in a token because of a whale."""
    digest = sha256(f"{wallet}|{whale}|{token_id}|{n}".encode()).hexdigest()
    return PositionId(f"{whale[2:8]}-{digest[:16]}")
