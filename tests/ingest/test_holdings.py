from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from ingest.holdings import read_holdings
from storage.port import PositionRecord
from storage.watch_port import POSITIONS_PAGE, WatchStore
from tests.ingest.test_exits import position
from tests.storage.builders import NOW
from trading.types import PositionId


@dataclass
class Shelf:
    """Open positions by the page."""

    count: int
    pages: list[int] = field(default_factory=list)

    async def list_open_after(self, position_id: PositionId) -> Sequence[PositionRecord]:
        ids = [PositionId(f"p{number:05}") for number in range(self.count)]
        page = [one for one in ids if one > position_id][:POSITIONS_PAGE]
        self.pages.append(len(page))
        return [replace(position(), position_id=one) for one in page]

    async def list_held(self) -> Mapping[PositionId, datetime]:
        return {PositionId("p00000"): NOW}


async def test_every_position_is_read_and_never_more_than_a_page_at_once() -> None:
    for count in (0, 1, POSITIONS_PAGE - 1, POSITIONS_PAGE, POSITIONS_PAGE * 3 + 1):
        shelf = Shelf(count)
        holdings = await read_holdings(cast("WatchStore", shelf))
        assert len({one.position_id for one in holdings.positions}) == count
        assert max(shelf.pages) <= POSITIONS_PAGE
        assert holdings.held == {PositionId("p00000"): NOW}
