"""What we hold as the records have it: read by the page, so that prices never wait long for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storage.port import PositionRecord
from storage.watch_port import POSITIONS_PAGE, WatchStore
from trading.types import PositionId

FIRST = PositionId("")


@dataclass(frozen=True, slots=True)
class Holdings:
    """The open positions, and those of them that a person holds, with the time since when."""

    positions: Sequence[PositionRecord] = ()
    held: Mapping[PositionId, datetime] = field(default_factory=dict)


async def read_holdings(store: WatchStore) -> Holdings:
    """Read all of it; two thousand positions in one go would stop everything for 0.1 s."""
    found: list[PositionRecord] = []
    after = FIRST
    while True:
        page = await store.list_open_after(after)
        found.extend(page)
        if len(page) < POSITIONS_PAGE:
            return Holdings(tuple(found), await store.list_held())
        after = page[-1].position_id
