"""Tests of how readers get events and lose them."""

from paper.model import MarketOpened
from paper.subscriptions import CutOff, Subscriptions
from tests.paper.engine_room import a_market

EVENT = MarketOpened(a_market())


def test_every_reader_gets_every_event() -> None:
    subscriptions = Subscriptions()
    readers = [subscriptions.open(5), subscriptions.open(5)]
    subscriptions.publish(EVENT)
    assert [reader.get_nowait() for reader in readers] == [EVENT, EVENT]


def test_a_reader_that_falls_behind_is_told_so_and_gets_nothing_more() -> None:
    subscriptions = Subscriptions()
    slow, fast = subscriptions.open(2), subscriptions.open(9)
    for _ in range(4):
        subscriptions.publish(EVENT)
    assert [slow.get_nowait() for _ in range(slow.qsize())] == [EVENT, EVENT, CutOff(2)]
    assert fast.qsize() == 4
    subscriptions.close(slow)


def test_a_closed_subscription_gets_nothing() -> None:
    subscriptions = Subscriptions()
    reader = subscriptions.open(5)
    subscriptions.close(reader)
    subscriptions.close(reader)
    subscriptions.publish(EVENT)
    assert reader.empty()
