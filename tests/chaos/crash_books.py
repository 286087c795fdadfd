"""Holds the records of one token against the venue's own books, from outside, after a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from storage.limits import audit_limits
from tests.chaos.crash_stage import Lane, Row, Rows
from trading.types import SignalState, TokenId

NEVER_SENT = ("EXPIRED", "VOID", "PREPARED")
NEVER_BOOKED = (*NEVER_SENT, "REJECTED")  # a killed order is known there, a refused one is not
OVER = ("CLOSED", "REDEEMED")

_SIGNALS = "SELECT signal_id, side, state FROM signals WHERE token_id = :token"
_ORDERS = """
    SELECT o.order_id, o.side, o.status, o.posts, o.is_done, o.adopted, o.applied_version,
           o.version, o.faults, i.intent_id
    FROM orders o JOIN intents i ON i.order_hash = o.order_id WHERE o.token_id = :token
"""
_FILLS = "SELECT order_id, trade_id, size, cost, fee, settlement FROM fills WHERE token_id = :token"
_HELD = """
    SELECT 'reservation' AS kind, r.intent_id FROM reservations r JOIN intents i USING (intent_id)
    WHERE i.token_id = :token AND r.released_at IS NULL
    UNION ALL
    SELECT 'offer', f.intent_id FROM offers f JOIN intents i USING (intent_id)
    WHERE i.token_id = :token AND f.released_at IS NULL
"""
_POSITIONS = """
    SELECT position_id, status, size, settled_size, exit_epoch
    FROM positions WHERE token_id = :token
"""
_CASH = "SELECT coalesce(sum(cash), 0) AS cash FROM ledger WHERE wallet = :wallet"


@dataclass(frozen=True, slots=True)
class Books:
    """What both sides know of one token, and of the wallet's cash."""

    signals: Rows
    orders: Rows
    fills: Rows
    held: Rows
    positions: Rows
    cash: Decimal
    venue_orders: Rows
    venue_fills: Rows
    venue_cash: Decimal
    venue_shares: Decimal
    breaches: Sequence[str]

    @property
    def cash_gap(self) -> Decimal:
        """Return our cash less the venue's."""
        return self.cash - self.venue_cash


async def read_books(lane: Lane, token_id: TokenId) -> Books:
    """Read everything that is known of a token."""
    venue = lane.venue
    wallets = {str(w["address"]).lower(): w for w in await venue.rows("wallets")}
    mine: Row = wallets.get(lane.wallet, {"cash": "0", "tokens": {}})
    return Books(
        signals=await lane.rows(_SIGNALS, token=token_id),
        orders=await lane.rows(_ORDERS, token=token_id),
        fills=await lane.rows(_FILLS, token=token_id),
        held=await lane.rows(_HELD, token=token_id),
        positions=await lane.rows(_POSITIONS, token=token_id),
        cash=(await lane.rows(_CASH, wallet=lane.wallet))[0]["cash"],
        venue_orders=[o for o in await venue.rows("orders") if o["token_id"] == token_id],
        venue_fills=[f for f in await venue.rows("fills") if f["token_id"] == token_id],
        venue_cash=Decimal(mine["cash"]),
        venue_shares=Decimal(mine["tokens"].get(token_id, "0")),
        breaches=[str(breach) for breach in await audit_limits(lane.store)],
    )


def unfinished(books: Books) -> list[str]:
    """Say what is still on its way."""
    found = [f"signal {s['signal_id']} {s['state']}" for s in books.signals if not _ended(s)]
    found += [f"order {_short(o)} {o['status']} on its way" for o in books.orders if _is_open(o)]
    found += [f"{row['kind']} of {row['intent_id']} not released" for row in books.held]
    moving = [p for p in books.positions if p["status"] not in (*OVER, "OPEN")]
    return [*found, *(f"position {p['position_id']} {p['status']}" for p in moving)]


def faults(books: Books, known_gap: Decimal = Decimal(0)) -> list[str]:
    """Say what is wrong between both sides once nothing is on its way.

    `known_gap` is by how much the wallet's cash differed before: planted bugs leave one behind.
    """
    found = [*unfinished(books), *_order_faults(books), *_fill_faults(books), *books.breaches]
    if books.cash_gap != known_gap:
        found.append(f"cash {books.cash}, at the venue {books.venue_cash}")
    shares = sum((p["settled_size"] for p in books.positions), Decimal(0))
    if shares != books.venue_shares:
        found.append(f"shares {shares}, at the venue {books.venue_shares}")
    found += [f"{p['position_id']} holds nothing" for p in books.positions if _is_hollow(p)]
    return found


def _ended(signal: Row) -> bool:
    return SignalState(signal["state"]).is_terminal


def _is_hollow(position: Row) -> bool:
    return position["status"] == "OPEN" and not position["size"]


def _is_open(order: Row) -> bool:
    return not order["is_done"] or order["applied_version"] < order["version"]


def _short(order: Row) -> str:
    return str(order["order_id"])[:10]


def _order_faults(books: Books) -> Iterator[str]:
    ours = {order["order_id"]: order for order in books.orders}
    theirs = {order["order_id"]: order for order in books.venue_orders}
    if len(theirs) != len(books.venue_orders):
        yield "the venue lists an order twice"
    for order_id, order in ours.items():
        if order["faults"] or order["adopted"]:
            yield f"order {_short(order)} {order['status']} is late or has {order['faults']}"
        if order_id not in theirs and order["status"] not in NEVER_BOOKED:
            yield f"order {_short(order)} {order['status']} is not at the venue"
    for order_id, order in theirs.items():
        yield from _venue_order_faults(order, ours.get(order_id))


def _venue_order_faults(order: Row, ours: Row | None) -> Iterator[str]:
    if order["status"] in ("LIVE", "DELAYED"):
        yield f"order {_short(order)} still rests at the venue"
    if ours is None:
        yield f"order {_short(order)} at the venue is not ours"
        return
    if order["posts"] > ours["posts"]:
        yield f"order {_short(order)} came {order['posts']} times, allowed {ours['posts']}"
    if ours["status"] in NEVER_SENT:
        yield f"order {_short(order)} is at the venue, but {ours['status']} with us"


def _fill_faults(books: Books) -> Iterator[str]:
    ours, theirs = _sums(books.fills, "settlement"), _sums(books.venue_fills, "status")
    for order_id in ours.keys() | theirs.keys():
        if ours.get(order_id) != theirs.get(order_id):
            yield f"fills of {order_id[:10]}: {ours.get(order_id)}, venue {theirs.get(order_id)}"
    for fill in books.fills:
        if fill["settlement"] not in ("CONFIRMED", "FAILED"):
            yield f"fill {fill['trade_id']} is {fill['settlement']}"


def _sums(rows: Rows, status: str) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Return shares, cost and fee by order of what the chain did not refuse."""
    sums: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for row in rows:
        if row[status] != "FAILED":
            size, cost, fee = sums.get(row["order_id"], (Decimal(0),) * 3)
            sums[row["order_id"]] = (
                size + Decimal(row["size"]),
                cost + Decimal(row["cost"]),
                fee + Decimal(row["fee"]),
            )
    return sums
