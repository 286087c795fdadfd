"""Every order ever accepted, and what open ones keep reserved."""

from collections.abc import Iterable, Sequence

from paper.derive import account_name
from paper.ledger import CASH
from paper.model import MICROS, OrderRecord, OrderStatus, Side, SignedOrder

OPEN = (OrderStatus.LIVE, OrderStatus.DELAYED)


def leaves(record: OrderRecord) -> int:
    """Return the shares of an order that are not matched."""
    return record.order.size - record.matched


def still_needed(record: OrderRecord) -> int:
    """Return micros of what an order may still give: tokens of a SELL, pUSD of a BUY."""
    if record.order.side is Side.SELL:
        return leaves(record)
    return -(-leaves(record) * record.price // MICROS)


class Orders:
    """Orders by id; ids are never forgotten, so that no order can be booked twice."""

    def __init__(self) -> None:
        self._records: dict[str, OrderRecord] = {}
        self._in_order: list[OrderRecord] = []
        self._open: dict[str, dict[str, OrderRecord]] = {}
        self._changed: dict[str, OrderRecord] = {}

    def load(self, records: Iterable[OrderRecord]) -> None:
        """Take over saved orders, oldest first."""
        for record in records:
            self.add(record)
        self._changed.clear()

    def add(self, record: OrderRecord) -> None:
        """Remember an order."""
        self._records[record.order.order_id] = record
        self._in_order.append(record)
        self.touch(record)

    def get(self, order_id: str) -> OrderRecord | None:
        """Return an order by id."""
        return self._records.get(order_id)

    def signed(self, order_id: str) -> SignedOrder | None:
        """Return an order as it was posted; None for one the venue made up."""
        record = self._records.get(order_id)
        return None if record is None else record.order

    def all(self) -> Sequence[OrderRecord]:
        """Return every order, oldest first; the list grows as it is read."""
        return self._in_order

    def open_orders(self) -> list[OrderRecord]:
        """Return the orders that rest now."""
        return [record for mine in self._open.values() for record in mine.values()]

    def touch(self, record: OrderRecord) -> None:
        """Note that an order has changed: its reservation follows, and it is saved again."""
        order_id = record.order.order_id
        mine = self._open.setdefault(account_name(record.order.maker), {})
        if record.status in OPEN:
            mine[order_id] = record
        else:
            mine.pop(order_id, None)
        self._changed[order_id] = record

    def reserved(self, wallet: str, asset: str) -> int:
        """Return micros of pUSD or of a token that a wallet's open orders may still need.

        The venue's rule: an open order keeps its size less what is filled; a maker pays no fee.
        """
        return sum(
            still_needed(record)
            for record in self._open.get(wallet, {}).values()
            if asset == (CASH if record.order.side is Side.BUY else record.order.token_id)
        )

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to be saved."""
        return bool(self._changed)

    def take_changes(self) -> list[OrderRecord]:
        """Return the orders that have to be saved, oldest change first."""
        changed, self._changed = self._changed, {}
        return list(changed.values())
