"""Numbers markets and groups them into events, the way Gamma lists them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paper.model import Market
from paper.venue import Venue


@dataclass(frozen=True, slots=True)
class ListedMarket:
    """A market with its Gamma id and the id of its event."""

    market_id: int
    event_id: int
    market: Market


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event and its markets, oldest first."""

    event_id: int
    slug: str
    markets: tuple[ListedMarket, ...]

    @property
    def title(self) -> str:
        """Return the only market's question, or the slug in words."""
        if len(self.markets) == 1:
            return self.markets[0].market.question
        return self.slug.replace("-", " ").capitalize()

    @property
    def is_closed(self) -> bool:
        """Tell whether every market of the event is closed."""
        return all(listed.market.closed for listed in self.markets)


class Catalogue:
    """Every market of the venue, of this play and of earlier ones, oldest first.

    A number once given stays, since markets are only ever added; a market is read as it is now. A
    play brings the slugs of its tape again, as new markets: a slug that comes back within its
    event begins a new event.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._numbers: dict[str, tuple[int, int]] = {}  # by condition id: its own, its event's
        self._members: list[list[str]] = []  # the condition ids of each event
        self._event_ids: dict[tuple[str, int], int] = {}
        self._seen: defaultdict[tuple[str, str], int] = defaultdict(int)

    @property
    def markets(self) -> Sequence[ListedMarket]:
        """Return every market."""
        return [self.list_market(market) for market in self._venue.markets()]

    @property
    def events(self) -> Sequence[ListedEvent]:
        """Return every event."""
        self._number_new()
        return [self.event(event_id) for event_id in range(1, len(self._members) + 1)]

    def of_tokens(self, token_ids: Iterable[str]) -> Sequence[ListedMarket]:
        """Return the markets that these tokens belong to."""
        found = filter(None, map(self._venue.market_of, token_ids))
        by_id = {market.condition_id: self.list_market(market) for market in found}
        return sorted(by_id.values(), key=lambda listed: listed.market_id)

    def list_market(self, market: Market) -> ListedMarket:
        """Return a market of the venue with its numbers."""
        if market.condition_id not in self._numbers:
            self._number_new()
        return ListedMarket(*self._numbers[market.condition_id], market)

    def event(self, event_id: int) -> ListedEvent:
        """Return an event as its markets are now."""
        markets = filter(None, map(self._venue.market, self._members[event_id - 1]))
        listed = tuple(map(self.list_market, markets))
        return ListedEvent(event_id, listed[0].market.event_slug, listed)

    def _number_new(self) -> None:
        for market in self._venue.markets()[len(self._numbers) :]:
            name = (market.event_slug, market.slug)
            event = (market.event_slug, self._seen[name])
            self._seen[name] += 1
            event_id = self._event_ids.setdefault(event, len(self._event_ids) + 1)
            if event_id > len(self._members):
                self._members.append([])
            self._members[event_id - 1].append(market.condition_id)
            self._numbers[market.condition_id] = (len(self._numbers) + 1, event_id)
