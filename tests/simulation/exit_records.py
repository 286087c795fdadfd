"""Plans of exits, their sales, pages and holds in memory, as `storage.exit_plans` keeps them."""

from collections.abc import Sequence
from dataclasses import replace

from storage.exit_port import ExitPage, ExitPlan, Hold, SaleOrder
from storage.port import Event
from tests.simulation.tables import OrderRow, Tables
from trading.types import PositionId, Price, Side, SignalId


def fix_exit(tables: Tables, plan: ExitPlan) -> ExitPlan:
    return tables.exits.setdefault((plan.position_id, plan.exit_epoch), plan)


def lower_exit(tables: Tables, position_id: PositionId, lowest: Price) -> None:
    running = [key for key in tables.exits if key[0] == position_id]
    for key in running[-1:]:
        tables.exits[key] = replace(tables.exits[key], lowest=lowest)


def find_lowest(tables: Tables, position_id: PositionId, epoch: int) -> Price | None:
    return tables.exits[position_id, epoch].lowest


def list_answered(tables: Tables, position_id: PositionId, epoch: int) -> Sequence[SignalId]:
    earlier = (
        plan.signal_ids
        for (of, number), plan in tables.exits.items()
        if of == position_id and number < epoch
    )
    return sorted({signal_id for signal_ids in earlier for signal_id in signal_ids})


def list_sales(tables: Tables, position_id: PositionId, epoch: int) -> Sequence[SaleOrder]:
    found = (
        row
        for row in tables.orders.values()
        if row.intent.position_id == position_id
        and row.intent.exit_epoch == epoch
        and row.intent.side is Side.SELL
    )
    ordered = sorted(found, key=lambda row: (row.intent.created_at, row.intent.attempt))
    return [_sale(row) for row in ordered]


def _sale(row: OrderRow) -> SaleOrder:
    return SaleOrder(
        order_hash=row.progress.order_hash,
        attempt=row.intent.attempt,
        state=row.progress.state,
        matched=row.progress.matched,
        error=row.progress.text,
        is_unresolved=row.is_unresolved,
        was_sent=row.posts > 0,
    )


def page_exit(tables: Tables, page: ExitPage) -> None:
    key = f"exit-stuck/{page.position_id}/{page.exit_epoch}/{page.name}"
    if key not in tables.told:
        tables.told.add(key)
        ids = {"position_id": page.position_id}
        tables.events.append(Event("exit_stuck", "PAGE", page.words, page.at, ids))


def hold_position(tables: Tables, hold: Hold) -> None:
    tables.holds[hold.position_id] = hold


def release_position(tables: Tables, position_id: PositionId) -> None:
    tables.holds.pop(position_id, None)


def find_hold(tables: Tables, position_id: PositionId) -> Hold | None:
    return tables.holds.get(position_id)
