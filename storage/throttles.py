"""The throttles of one wallet's entries, shared by all its workers, and what breaking one stops."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.breakers import Halt, HaltScope, set_halt
from storage.database import Database
from storage.events import insert_event
from storage.limits import lock_wallet
from storage.port import Event, LimitCaps
from storage.statements import Statement, insert_row, run, run_one
from trading.breakers import end_of_day
from trading.orders import Intent
from trading.pretrade import (
    COUNTED,
    Breach,
    RecentEntries,
    Stop,
    ThrottleCaps,
    check_throttles,
)
from trading.rules import RiskRules
from trading.types import Usd

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
KEPT_FOR = DAY

_RECENT = Statement(
    """
    SELECT
        (SELECT count(*) FROM orders WHERE user_address = :wallet AND side = 'BUY' AND status IN
         ('PREPARED', 'SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL')) AS open_orders,
        (SELECT count(*) FROM intents
         WHERE signal_id = CAST(:signal_id AS text) AND side = 'BUY') AS attempts,
        (SELECT count(*) FROM intents AS t JOIN orders AS o ON o.order_id = t.order_hash
         WHERE t.signal_id = CAST(:signal_id AS text) AND t.side = 'BUY'
         AND t.token_id = :token_id AND t.created_at > :twins_since
         AND abs(t.size - :size) <= t.size * :near
         AND (o.status NOT IN ('MATCHED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'VOID')
              OR greatest(o.filled_size, o.size_matched - (
                  SELECT coalesce(sum(f.size), 0) FROM fills AS f
                  WHERE f.order_id = o.order_id AND f.settlement = 'FAILED'
              )) + :size > t.size * (1 + :near))) AS twins,
        (SELECT count(*) FROM orders AS r JOIN intents AS x ON x.intent_id = r.intent_id
         WHERE r.user_address = :wallet AND r.type IN ('GTC', 'GTD')
         AND r.status IN ('PREPARED', 'SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL')
         AND ((r.token_id = :token_id AND r.side = 'SELL' AND r.price <= :price)
              OR (x.condition_id = :condition_id AND r.token_id <> :token_id
                  AND r.side = 'BUY' AND r.price >= 1 - :price))) AS crosses,
        count(*) FILTER (WHERE created_at > :minute_ago) AS orders,
        count(*) FILTER (WHERE created_at > :minute_ago AND token_id = :token_id) AS orders_token,
        coalesce(sum(cost_max) FILTER (WHERE created_at > :minute_ago), 0) AS notional,
        count(DISTINCT coalesce(signal_id, intent_id)) FILTER (
            WHERE created_at > :repeats_since AND token_id = :token_id
            AND coalesce(signal_id, intent_id) <> :own) AS repeats,
        (SELECT coalesce(sum(d.cost_max), 0) FROM intents AS d
         WHERE d.maker = :wallet AND d.side = 'BUY'
         AND d.created_at >= :day_begins AND d.created_at < :day_ends) AS notional_day
    FROM intents
    WHERE maker = :wallet AND side = 'BUY' AND created_at > :since
    """
)
_COUNT = Statement(
    """
    SELECT count(*) AS n FROM throttled
    WHERE wallet = :wallet AND timestamp > :since AND control = ANY(:counted)
    """
)
_FORGET = Statement("DELETE FROM throttled WHERE wallet = :wallet AND timestamp < :before")


async def find_breach(
    connection: AsyncConnection, intent: Intent, caps: LimitCaps, rules: RiskRules, now: datetime
) -> Breach | None:
    """Return the first throttle that an entry would pass; the wallet's row must be held.

    Counted is what is committed, whichever worker did it. Exits are not counted.
    """
    recent = await _load_recent(connection, intent, (caps, rules), now)
    return check_throttles(recent, intent.order.cost_max, throttle_caps(caps, rules))


def throttle_caps(caps: LimitCaps, rules: RiskRules) -> ThrottleCaps:
    """Return the caps that bear on how many entries leave, and how fast."""
    return ThrottleCaps(
        open_orders=caps.open_orders,
        orders_per_min=caps.orders_per_min,
        orders_per_min_token=caps.orders_per_min_token,
        notional_per_min=caps.notional_per_min,
        repeats=caps.repeats,
        attempts=rules.attempts_max,
        notional_per_day=rules.notional_per_day_max,
    )


async def keep_breach(db: Database, intent: Intent, breach: Breach, now: datetime) -> None:
    """Keep that an entry was refused, and halt entries where that is called for.

    It has a transaction of its own, after that of the reservation was rolled back.
    """
    unsigned = intent.order.unsigned
    async with db.transaction() as connection:
        await lock_wallet(connection, unsigned.maker)
        await run(connection, _FORGET, wallet=unsigned.maker, before=now - KEPT_FOR)
        await insert_row(
            connection,
            "throttled",
            wallet=unsigned.maker,
            token_id=unsigned.token_id,
            control=breach.control,
            wanted=breach.wanted,
            cap=breach.cap,
            timestamp=now,
        )
        halt = await _halt_of(connection, intent, breach, db.rules, now)
        if halt is not None and await set_halt(connection, halt):
            ids = {halt.scope.lower(): halt.key}
            told = Event("entries_halted", "PAGE", halt.reason, now, ids, breach.numbers)
            await insert_event(connection, told)


async def _halt_of(
    connection: AsyncConnection, intent: Intent, breach: Breach, rules: RiskRules, now: datetime
) -> Halt | None:
    unsigned = intent.order.unsigned
    match breach.stop:
        case Stop.NOTHING:
            return None
        case Stop.TOKEN:
            return Halt(HaltScope.TOKEN, unsigned.token_id, breach.describe(), now)
        case Stop.WALLET:
            return Halt(HaltScope.WALLET, unsigned.maker, breach.describe(), now)
        case Stop.COUNTED:
            row = await run_one(
                connection,
                _COUNT,
                wallet=unsigned.maker,
                since=now - MINUTE,
                counted=sorted(COUNTED),
            )
            assert row is not None, "a count is always one row"
            if not rules.throttled_max or row["n"] < rules.throttled_max:
                return None
            reason = f"{row['n']} entries throttled in a minute; the last: {breach.describe()}"
            return Halt(HaltScope.WALLET, unsigned.maker, reason, now)


async def _load_recent(
    connection: AsyncConnection, intent: Intent, by: tuple[LimitCaps, RiskRules], now: datetime
) -> RecentEntries:
    caps, rules = by
    order, unsigned = intent.order, intent.order.unsigned
    minute_ago, repeats_since = now - MINUTE, now - caps.repeats_window
    day_begins, day_ends = _day_of(intent, rules)
    row = await run_one(
        connection,
        _RECENT,
        wallet=unsigned.maker,
        token_id=unsigned.token_id,
        condition_id=intent.condition_id,
        signal_id=intent.signal_id,
        size=order.size,
        price=order.price,
        near=rules.duplicate_size,
        twins_since=now - rules.duplicate_within,
        minute_ago=minute_ago,
        repeats_since=repeats_since,
        since=min(minute_ago, repeats_since),
        own=intent.signal_id or intent.intent_id,
        day_begins=day_begins,
        day_ends=day_ends,
    )
    assert row is not None, "counts are always one row"
    return RecentEntries(
        open_orders=row["open_orders"],
        orders=row["orders"],
        orders_token=row["orders_token"],
        notional=Usd(row["notional"]),
        repeats=row["repeats"],
        attempts=row["attempts"],
        twins=row["twins"],
        crosses=row["crosses"],
        notional_day=Usd(row["notional_day"]),
    )


def _day_of(intent: Intent, rules: RiskRules) -> tuple[datetime, datetime] | tuple[None, None]:
    """Return the UTC day that an entry counts in; nothing is summed where a day has no cap."""
    if rules.notional_per_day_max is None:
        return None, None
    day_ends = end_of_day(intent.created_at)
    return day_ends - DAY, day_ends
