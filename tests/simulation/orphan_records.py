"""What somebody should be working on, found in memory as `storage.orphans` finds it."""

from collections.abc import Sequence

from storage.ownership import LooseOrder
from tests.simulation.tables import Tables
from trading.types import OrderHash


def list_loose_orders(tables: Tables, limit: int) -> Sequence[LooseOrder]:
    loose = sorted(
        (row for row in tables.orders.values() if row.is_unresolved),
        key=lambda row: row.updated_at,
    )
    return [
        LooseOrder(
            order_hash=row.progress.order_hash,
            state=row.progress.state,
            signal_id=row.intent.signal_id,
            position_id=row.intent.position_id,
            changed_at=row.updated_at,
            is_adopted=row.progress.adopted,
            is_booked=row.applied >= row.version,
        )
        for row in loose[:limit]
    ]


def list_stranded(tables: Tables, limit: int) -> Sequence[OrderHash]:
    stakes = [i for i, held in tables.held.items() if held.is_open]
    stakes += [i for i, offer in tables.offers.items() if offer.is_open]
    rows = (tables.by_intent[intent_id] for intent_id in stakes)
    return [row.progress.order_hash for row in rows if not row.is_unresolved][:limit]
