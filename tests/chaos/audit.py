"""The invariants of a run, each a function of plain rows; nothing of ours is asked or trusted.

Each returns what violates it. `audit` runs them all.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from tests.chaos.books import ZERO, Books, Fill, Order
from tests.chaos.hearing import hear

QUIESCENT_S_MAX = 90.0
HISTORY_P95_MAX = 60
HISTORIES_MIN = 100  # fewer have no 95th percentile worth the name
IN_FLIGHT = timedelta(seconds=3)
"""From the check in the database to the venue's receipt: the request's own timeout is 2 s."""
MICRO = Decimal("0.000001")
HARMLESS_CAUSES = (
    "UNHANDLED_COMMAND",  # news came while the task ended
    "RESET_STICKY_TASK_QUEUE",  # its worker was gone
    "FORCE_CLOSE_COMMAND",  # a person terminated the workflow meanwhile
)

_NOT_TERMINAL = ("WAITING", "RUNNING")
_AT_VENUE = ("LIVE", "PARTIAL", "MATCHED", "CANCELLED", "DELAYED")
_DEAD_WORDS = (["MATCHED"], ["CANCELLED"], ["EXPIRED"], ["REJECTED"], ["VOID"])
_FAILED_WORKFLOWS = ("FAILED", "TIMED_OUT", "TERMINATED")


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be, and the ids under which its evidence is found."""

    invariant: str
    text: str
    ids: tuple[str, ...] = ()


def audit(books: Books) -> list[Violation]:
    """Hold the books against every invariant."""
    return [violation for check in CHECKS for violation in check(books)]


def orders_are_the_same(books: Books) -> Iterator[Violation]:
    """I1: the venue's orders and ours are the same, by hash."""
    ours = books.order_by_id
    counted = Counter(order.order_id for order in books.venue_orders)
    for order_id in (order_id for order_id, n in counted.items() if n > 1):
        yield Violation("I1", f"the venue lists an order {counted[order_id]} times", (order_id,))
    for order_id in counted.keys() - ours.keys():
        yield Violation("I1", "the venue has an order that we never recorded", (order_id,))
    for order in books.orders:
        if order.order_id in counted and order.status not in _AT_VENUE:
            text = f"the venue has an order that we call {order.status} after {order.posts} posts"
            yield Violation("I1", text, (order.order_id, order.intent_id))
        if order.order_id not in counted and order.status in _AT_VENUE:
            text = f"the venue does not know an order that we call {order.status}"
            yield Violation("I1", text, (order.order_id, order.intent_id))


def attempts_follow_proof(books: Books) -> Iterator[Violation]:
    """I2: an intent has one order, and the next attempt leaves after the last one was dead."""
    per_intent = Counter(order.intent_id for order in books.orders)
    for intent_id in (intent_id for intent_id, n in per_intent.items() if n > 1):
        yield Violation("I2", f"{per_intent[intent_id]} orders of one intent", (intent_id,))
    dead_at = _proofs_of_death(books)
    received = {order.order_id: order.received_at for order in books.venue_orders}
    for before, after in _consecutive_attempts(books.orders):
        sent_at = after.first_sent_at
        if sent_at is None:
            continue
        proven_at = dead_at.get(before.order_id)
        ids = (before.order_id, after.order_id)
        if proven_at is None or proven_at > sent_at:
            text = f"attempt {after.attempt} left at {sent_at} without proof that {before.attempt}"
            yield Violation("I2", f"{text} was dead ({proven_at})", ids)
        since = received.get(after.order_id, sent_at)
        for fill in books.venue_fills:
            if fill.order_id == before.order_id and fill.at > since:
                text = f"attempt {before.attempt} was filled at {fill.at}, after the next one came"
                yield Violation("I2", text, (*ids, fill.trade_id))


def fills_are_the_same(books: Books) -> Iterator[Violation]:
    """I3: every confirmed fill is in both books, and positions are what the fills add up to."""
    theirs, ours = _by_trade(books.venue_fills), _by_trade(books.fills)
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            text = f"a fill differs: the venue says {theirs.get(key)}, we say {ours.get(key)}"
            yield Violation("I3", text, key)
    matched = {order.order_id: order.matched for order in books.venue_orders}
    for order in books.orders:
        if order.size_matched != matched.get(order.order_id, ZERO):
            text = (
                f"we say {order.size_matched} was matched, the venue {matched.get(order.order_id)}"
            )
            yield Violation("I3", text, (order.order_id,))
    yield from _positions_are_their_fills(books)
    yield from _tokens_are_the_same(books)


def _positions_are_their_fills(books: Books) -> Iterator[Violation]:
    by_position: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in books.fills:
        if fill.status == "CONFIRMED":
            by_position[fill.position_id] += _signed(fill)
    for position in books.positions:
        expected = by_position.pop(position.position_id, ZERO) - position.redeemed
        if not position.size == position.settled_size == expected:
            held = f"{position.size} of which {position.settled_size} settled"
            text = f"a position holds {held}, its confirmed fills add up to {expected}"
            yield Violation("I3", text, (position.position_id,))
    for position_id, size in by_position.items():
        yield Violation("I3", f"fills of {size} shares in no position", (position_id,))


def _tokens_are_the_same(books: Books) -> Iterator[Violation]:
    by_token: defaultdict[str, Decimal] = defaultdict(Decimal)
    for position in books.positions:
        by_token[position.token_id] += position.settled_size
    for token_id in sorted(by_token.keys() | books.venue_tokens.keys()):
        ours, theirs = by_token[token_id], books.venue_tokens.get(token_id, ZERO)
        if ours != theirs:
            yield Violation(
                "I3", f"we hold {ours} of a token, the venue says {theirs}", (token_id,)
            )


def limits_hold(books: Books) -> Iterator[Violation]:
    """I4: no sample was above a cap, and what the venue says we held never cost more."""
    if not books.samples.count:
        yield Violation("I4", "the limits were never sampled")
    for breach in books.samples.breaches:
        text = f"{breach.scope} used {breach.used} of {breach.cap} at {breach.at}"
        yield Violation("I4", text, (breach.key,))
    for (scope, key), cost in peak_costs(books).items():
        cap = books.caps.get(scope)
        if cap is not None and cost > cap + MICRO:
            yield Violation("I4", f"{scope} held for {cost} at the venue, cap {cap}", (key,))


def peak_costs(books: Books) -> Mapping[tuple[str, str], Decimal]:
    """Return the highest cost of what was held at once, by scope and key, from the venue's fills.

    A purchase adds its cost, a sale takes its share of it off; what the chain refused is left out.
    """
    positions = {position.position_id: position for position in books.positions}
    places = {order.order_id: order.position_id for order in books.orders}
    held: dict[str, tuple[Decimal, Decimal]] = {}
    used: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    peak: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in _in_time(books.venue_fills):
        position = positions.get(places.get(fill.order_id, ""))
        if position is None or fill.status == "FAILED":
            continue
        size, cost = held.get(position.position_id, (ZERO, ZERO))
        if fill.side == "BUY":
            change = fill.cost
        else:
            change = -cost * min(fill.size, size) / size if size else ZERO
        held[position.position_id] = (size + _signed(fill), cost + change)
        keys = (books.wallet, position.whale, position.condition_id, position.position_id)
        for place in zip(("WALLET", "WHALE", "MARKET", "POSITION"), keys, strict=True):
            used[place] += change
            peak[place] = max(peak[place], used[place])
    return peak


def every_signal_ends_once(books: Books) -> Iterator[Violation]:
    """I5: every whale order became one signal, and every signal ended."""
    for signal in books.signals:
        if signal.state in _NOT_TERMINAL:
            yield Violation("I5", f"a signal is {signal.state}", (signal.signal_id,))
    hearing = hear(books)
    for key, number in books.planned.items():
        if not hearing.was_right(key):
            signal_ids = hearing.found[key]
            text = f"whale order {number} {key} became {len(signal_ids)} signals"
            yield Violation("I5", text, tuple(signal_ids))
    for key in hearing.found.keys() - books.planned.keys():
        signal_ids = hearing.found[key]
        yield Violation("I5", f"a signal {key} of which no whale knows", tuple(signal_ids))


def nothing_is_left(books: Books) -> Iterator[Violation]:
    """I6: nothing is reserved, offered or open, and nothing was released before its time."""
    for order in books.orders:
        ids = (order.order_id, order.intent_id)
        if order.reserved_open:
            yield Violation("I6", f"a {order.status} order keeps its reservation or offer", ids)
        if not order.is_done or not order.is_applied:
            yield Violation("I6", f"a {order.status} order is not done or not booked", ids)
    for order_id in books.samples.released_early:
        yield Violation("I6", "seen released while it was not done", (order_id,))


def cash_is_the_same(books: Books) -> Iterator[Violation]:
    """I7: the ledger's cash is the venue's, to the micro-unit."""
    difference = books.ledger_cash - books.venue_cash
    if difference:
        text = f"the ledger says {books.ledger_cash}, the venue {books.venue_cash}: {difference}"
        yield Violation("I7", text, (books.wallet,))


def no_more_orders_than_intents(books: Books) -> Iterator[Violation]:
    """I8: the venue has no more orders of a side than we have intents."""
    theirs = Counter(order.side for order in books.venue_orders)
    ours = Counter("BUY" if order.is_entry else "SELL" for order in books.orders)
    for side, count in theirs.items():
        if count > ours[side]:
            text = f"{count} {side} orders at the venue, {ours[side]} intents"
            yield Violation("I8", text)


def no_entry_is_late(books: Books) -> Iterator[Violation]:
    """I9: an entry's first copy came before it expired, later ones in time, none after a halt."""
    ours = books.order_by_id
    for booked in books.venue_orders:
        order = ours.get(booked.order_id)
        if order is None or not order.is_entry:
            continue
        deadline = order.expires_at if order.posts <= 1 else order.retry_until
        if booked.received_at > deadline + IN_FLIGHT:
            late = booked.received_at - deadline
            text = f"booked {late} after its deadline, {order.posts} posts"
            yield Violation("I9", text, (order.order_id, order.intent_id))
        for halt in books.halts:
            is_ours = halt.scope == "WALLET" or halt.key == order.token_id
            if is_ours and booked.received_at > halt.halted_at + IN_FLIGHT:
                text = f"booked at {booked.received_at}, halted at {halt.halted_at}: {halt.reason}"
                yield Violation("I9", text, (order.order_id, halt.key))
    for order in books.orders:
        if order.is_entry and order.first_sent_at and order.first_sent_at > order.expires_at:
            text = f"first sent at {order.first_sent_at}, expired at {order.expires_at}"
            yield Violation("I9", text, (order.order_id, order.intent_id))


def every_position_is_owned(books: Books) -> Iterator[Violation]:
    """I10: every open position has its one running workflow."""
    running = Counter(w.workflow_id for w in books.workflows if w.status == "RUNNING")
    for position in books.positions:
        owners = running[f"position/{position.position_id}"]
        if not position.is_over and owners != 1:
            text = f"{owners} workflows own a position that is {position.status}"
            yield Violation("I10", text, (position.position_id,))


def never_sold_more_than_held(books: Books) -> Iterator[Violation]:
    """I11: at no time was more of a token sold than had been bought, or tried to be."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in _in_time(books.venue_fills):
        if fill.status == "FAILED":
            continue
        held[fill.token_id] += _signed(fill)
        if held[fill.token_id] < 0:
            text = f"sold {-held[fill.token_id]} shares more than were bought, at {fill.at}"
            yield Violation("I11", text, (fill.token_id, fill.order_id))
    for order in books.orders:
        if not order.is_entry and "not enough balance" in order.error:
            yield Violation("I11", f"an exit offered too much: {order.error}", (order.order_id,))


def no_workflow_fails(books: Books) -> Iterator[Violation]:
    """I12: no workflow ended by failing, no task failed, and trades' histories stay short."""
    for run in books.workflows:
        if run.status in _FAILED_WORKFLOWS:
            yield Violation("I12", f"a {run.kind} is {run.status}", (run.workflow_id, run.run_id))
    for failure in books.task_failures:
        if not failure.cause.endswith(HARMLESS_CAUSES):
            text = f"a workflow task failed: {failure.cause} {failure.text}"
            yield Violation("I12", text, (failure.workflow_id,))
    longest = history_p95(books)
    if longest > HISTORY_P95_MAX:
        yield Violation("I12", f"p95 of the trades' histories is {longest} events")


def history_p95(books: Books) -> int:
    """Return the 95th percentile of the trades' history lengths, the median of a few."""
    lengths = sorted(w.history_length for w in books.workflows if w.kind == "CopyTradeWorkflow")
    rank = 0.95 if len(lengths) >= HISTORIES_MIN else 0.5
    return lengths[min(len(lengths) - 1, int(rank * len(lengths)))] if lengths else 0


def it_came_to_rest(books: Books) -> Iterator[Violation]:
    """I14: everything was at rest in time after the faults stopped."""
    if books.quiescent_s is None or books.quiescent_s > QUIESCENT_S_MAX:
        took = "never" if books.quiescent_s is None else f"after {books.quiescent_s:.1f} s"
        running = tuple(
            w.workflow_id
            for w in books.workflows
            if w.status == "RUNNING" and w.kind == "CopyTradeWorkflow"
        )
        yield Violation("I14", f"at rest {took}, expected {QUIESCENT_S_MAX:g} s", running)


def _proofs_of_death(books: Books) -> Mapping[str, datetime]:
    """Return when each order was first known to be terminal, by the evidence kept.

    Trades that add up to all of an order prove that it is matched.
    """
    proofs: dict[str, datetime] = {}
    sizes = {order.order_id: order.size for order in books.venue_orders}
    trades: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for each in sorted(books.evidence, key=lambda evidence: evidence.at):
        words = each.text.split()
        if each.kind == "trade":
            trades[each.order_id][words[-1]] = Decimal(words[1])
            is_dead = sum(trades[each.order_id].values()) >= sizes.get(
                each.order_id, Decimal("Infinity")
            )
        else:
            is_dead = words[1 if each.kind == "submit" else 0 :][:1] in _DEAD_WORDS
        if is_dead:
            proofs.setdefault(each.order_id, each.at)
    return proofs


def _consecutive_attempts(orders: Sequence[Order]) -> Iterator[tuple[Order, Order]]:
    """Yield each order with the next attempt at the same thing."""
    chains: defaultdict[tuple[str | None, int], list[Order]] = defaultdict(list)
    for order in orders:
        owner = order.signal_id if order.is_entry else order.position_id
        chains[owner, order.exit_epoch].append(order)
    for chain in chains.values():
        chain.sort(key=lambda order: order.attempt)
        yield from pairwise(chain)


def _by_trade(fills: Iterable[Fill]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Add fills up by trade and order; a trade may meet an order more than once."""
    sums: dict[tuple[str, str], tuple[str, Decimal, Decimal, Decimal]] = {}
    for fill in fills:
        key = (fill.trade_id, fill.order_id)
        _, size, cost, fee = sums.get(key, ("", ZERO, ZERO, ZERO))
        sums[key] = (fill.status, size + fill.size, cost + fill.cost, fee + fill.fee)
    return {
        key: (status, *(format(n.quantize(MICRO), "f") for n in numbers))
        for key, (status, *numbers) in sums.items()
    }


def _in_time(fills: Iterable[Fill]) -> list[Fill]:
    """Sort by time, purchases first among equals."""
    return sorted(fills, key=lambda fill: (fill.at, fill.side == "SELL", fill.trade_id))


def _signed(fill: Fill) -> Decimal:
    return fill.size if fill.side == "BUY" else -fill.size


CHECKS: tuple[Callable[[Books], Iterator[Violation]], ...] = (
    orders_are_the_same,
    attempts_follow_proof,
    fills_are_the_same,
    limits_hold,
    every_signal_ends_once,
    nothing_is_left,
    cash_is_the_same,
    no_more_orders_than_intents,
    no_entry_is_late,
    every_position_is_owned,
    never_sold_more_than_held,
    no_workflow_fails,
    it_came_to_rest,
)
