"""Numbers markets and groups them into events, the way Gamma lists them."""

from collections import defaultdict
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


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything there is to list, oldest first; ids stay as long as markets are only added."""

    markets: tuple[ListedMarket, ...]
    events: tuple[ListedEvent, ...]


def list_catalogue(venue: Venue) -> Catalogue:
    """List the venue's markets of this play and of earlier ones.

    A play brings the slugs of its tape again, as new markets: a slug that comes back within its
    event begins a new event.
    """
    listed = []
    event_ids: dict[tuple[str, int], int] = {}
    seen: defaultdict[tuple[str, str], int] = defaultdict(int)
    for number, market in enumerate(venue.markets(), start=1):
        name = (market.event_slug, market.slug)
        event = (market.event_slug, seen[name])
        seen[name] += 1
        event_id = event_ids.setdefault(event, len(event_ids) + 1)
        listed.append(ListedMarket(number, event_id, market))
    return Catalogue(tuple(listed), _events(listed))


def _events(listed: list[ListedMarket]) -> tuple[ListedEvent, ...]:
    members: defaultdict[int, list[ListedMarket]] = defaultdict(list)
    for entry in listed:
        members[entry.event_id].append(entry)
    return tuple(
        ListedEvent(event_id, entries[0].market.event_slug, tuple(entries))
        for event_id, entries in members.items()
    )
