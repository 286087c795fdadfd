"""Tests of the wallets behind recorded liquidity."""

from paper.crowd import CROWD_SIZE, Crowd
from paper.model import MICROS, Side
from tests.paper.engine_room import ANNA, BERT, NO, YES, a_market, shares


def makers(side: Side) -> list[tuple[str, Side, int]]:
    crowd = Crowd(())
    return [
        (maker.token_id, maker.side, maker.price)
        for tick in range(1, 100)
        for maker in [crowd.maker(a_market(), (0, side), (tick * 10_000, shares("5")))]
    ]


def test_a_maker_stands_against_the_taker_or_beside_it_on_the_other_outcome() -> None:
    for side, other in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        found = makers(side)
        for tick, (token_id, maker_side, price) in enumerate(found, start=1):
            if token_id == YES:
                assert (maker_side, price) == (other, tick * 10_000)
            else:
                assert (token_id, maker_side, price) == (NO, side, MICROS - tick * 10_000)
        assert 5 < sum(token_id == NO for token_id, _, _ in found) < 60


def test_the_same_level_is_always_the_same_order() -> None:
    crowd = Crowd(())
    first, second = (
        crowd.maker(a_market(), (1, Side.BUY), (400_000, shares(size))) for size in ("1", "2")
    )
    assert first.order_id == second.order_id
    assert first.wallet == second.wallet
    assert (first.owner, second.size) == ("", shares("2"))


def test_the_crowd_and_the_tapes_wallets_are_invented() -> None:
    crowd = Crowd([ANNA])
    assert crowd.is_invented(ANNA)
    assert not crowd.is_invented(BERT)
    wallets = {crowd.wallet(number) for number in range(1000)}
    assert len(wallets) == CROWD_SIZE
    assert all(crowd.is_invented(wallet) for wallet in wallets)
