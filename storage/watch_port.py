"""What a watcher of prices asks of records and cache: which tokens are its own, where marks go."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from storage.level_port import LevelStore
from storage.port import Mark, PositionRecord, PriceCache
from trading.types import PositionId, TokenId

SHARDS = 8
WATCH_LEASE = timedelta(seconds=6)
"""A shard that was not renewed for as long is free."""
POSITIONS_PAGE = 100
"""Positions that are read in one go: nothing else is done meanwhile."""


def shard_of(token_id: TokenId) -> int:
    """Return the shard of a token and of its positions: the same in every process, for ever."""
    return zlib.crc32(token_id.encode()) % SHARDS


class WatchLeases(Protocol):
    """Who watches which shard of the tokens we hold."""

    async def renew_watch(self, holder: str, now: datetime) -> Mapping[int, int]:
        """Renew our shards and take those that are free; return the epoch of each we hold.

        A shard is free when nobody ever held it, its holder gave it back, or did not renew it
        within `WATCH_LEASE`. Its epoch rises with every new holder.
        """

    async def release_watch(self, holder: str) -> None:
        """Give our shards back, so that another need not wait for them."""

    async def last_watched(self) -> datetime | None:
        """Return when the shard that waits longest was last renewed; None: never watched.

        Older than a few seconds means that prices of some positions are watched by nobody.
        """


@dataclass(frozen=True, slots=True)
class UnseenPrices:
    """Positions of which no price was seen for long: where there are `count`, these are some."""

    count: int
    position_ids: tuple[PositionId, ...]
    since: datetime
    at: datetime


class WatchStore(LevelStore, WatchLeases, Protocol):
    """Positions as their watcher asks for them."""

    async def list_open_after(self, position_id: PositionId) -> Sequence[PositionRecord]:
        """Return the positions that are not over and follow this id, by id.

        At most `POSITIONS_PAGE`; fewer are the last ones.
        """

    async def list_held(self) -> Mapping[PositionId, datetime]:
        """Return which positions a person holds, and since when."""

    async def list_ended(self, now: datetime) -> frozenset[PositionId]:
        """Return the open positions whose market's end has passed."""

    async def open_unseen(self, unseen: UnseenPrices) -> bool:
        """Page about prices that nobody sees; return False when that is under review already."""

    async def close_unseen(self, now: datetime) -> bool:
        """Take it off the review queue: all prices are seen again; return False when none was."""


class MarkCache(PriceCache, Protocol):
    """A cache that takes many marks at once."""

    async def put_marks(self, marks: Sequence[Mark]) -> None:
        """Keep each token's mark for a second."""
