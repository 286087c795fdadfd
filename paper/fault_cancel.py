"""Cancels that do not do what they answer."""

from collections.abc import Sequence

from paper.crowd_flow import CrowdFlow
from paper.desk import Desk
from paper.faults import Fault
from paper.matching import size_step
from paper.model import OrderRecord
from paper.orders import leaves
from paper.settlement import Floor


class Canceller:
    """Cancels orders as the desk does, or as a fault makes it look."""

    def __init__(self, floor: Floor, desk: Desk, crowd_flow: CrowdFlow) -> None:
        self._floor = floor
        self._desk = desk
        self._crowd_flow = crowd_flow

    def cancel(
        self, order_ids: Sequence[str], owner: str, fate: Fault | None, now: int
    ) -> tuple[list[str], dict[str, str]]:
        """Return the ids that are told to be cancelled, and per other id the reason.

        `race` fills a share of each order just before it is cancelled; `ignored` lets it live.
        """
        if fate is None or fate.fault not in ("race", "ignored"):
            return self._desk.cancel(order_ids, owner, now)
        records, refused = self._desk.cancellable(order_ids, owner)
        cancelled = [record.order.order_id for record in records]
        if fate.fault == "race":
            for record in records:
                self._fill(record, fate, now)
            self._desk.cancel(cancelled, owner, now)
        return cancelled, refused

    def _fill(self, record: OrderRecord, fate: Fault, now: int) -> None:
        listing = self._floor.registry.get(record.condition_id)
        assert listing is not None, record.condition_id
        size = int(leaves(record) * fate.size_share)
        size -= size % size_step(record.price)
        if size and listing.book.resting(record.order.order_id) is not None:
            self._crowd_flow.hit(listing, record.order.order_id, size, now)
