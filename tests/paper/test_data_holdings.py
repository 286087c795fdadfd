from paper.data_holdings import Holdings
from paper.fills import public_fills
from paper.model import MICROS
from paper.names import Names
from paper.playback import Play
from paper.positions import HoldingStatus
from paper.public_trades import PublicTrades
from paper.redemption import Redemption
from paper.tape import TapeHeader
from tests.paper.told_venue import (
    CLIENT,
    CONDITION,
    DAY_MS,
    HASH,
    NOW,
    WHALE,
    YES,
    ToldVenue,
    a_trade,
)


def holdings_of(venue: ToldVenue) -> Holdings:
    return Holdings(venue, PublicTrades(venue, 0), Names(venue.tape_wallets))


def test_redemptions_are_noticed_as_they_come() -> None:
    venue = ToldVenue()
    venue.made.append(a_trade())
    venue.resolve((MICROS, 0))
    holdings = holdings_of(venue)
    assert holdings.of_wallet(WHALE)[0].status is HoldingStatus.REDEEMABLE
    venue.paid.append(Redemption(WHALE, CONDITION, YES, "Up", 30 * MICROS, 30 * MICROS, NOW, HASH))
    assert holdings.of_wallet(WHALE)[0].status is HoldingStatus.CLOSED
    assert [outcome.pnl for outcome in holdings.outcomes(WHALE)] == [
        250 * MICROS,
        -100 * MICROS,
        16_600_000,
    ]


def test_a_market_is_held_by_everybody_who_traded_it() -> None:
    venue = ToldVenue()
    venue.made.append(a_trade())
    holdings = holdings_of(venue)
    assert len(holdings.of_condition(CONDITION)) == 3
    first = holdings.of_condition(CONDITION)[0]
    assert holdings.price(first) == 440_000
    assert holdings.name_of(first) == "invented-kestrel"
    [taker, *_] = public_fills(venue.made[0])
    assert holdings.name_of_fill(taker) == "invented-kestrel"


def test_pasts_are_moved_to_the_plays_beginning() -> None:
    venue = ToldVenue()
    holdings = holdings_of(venue)
    assert holdings.past(WHALE.lower()) == venue.tape_wallets()[0]
    assert holdings.past(CLIENT) is None
    venue.told_play = Play("play", "tape", None, NOW, NOW, NOW)
    venue.told_header = TapeHeader("tape", 1, "", "", (), NOW - DAY_MS, NOW)
    past = holdings.past(WHALE)
    assert past is not None
    assert past.history[1].closed_at == NOW - DAY_MS
