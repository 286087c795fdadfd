"""Reserve an entry's worst case and commit its intent, in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import Account, load_account
from storage.breakers import load_drawdown, load_standing
from storage.database import Database
from storage.intents import INTENT, insert_intent
from storage.limits import Scope, Stake, down, load_used, lock_wallet, take_limit, up
from storage.names import name_position
from storage.port import LimitCaps, Reserved
from storage.rows import read_intent
from storage.statements import Statement, insert_row, run_one
from storage.throttles import find_breach, keep_breach
from trading.breakers import Subject, entries_halt, is_drawdown_lifted, size_factor
from trading.caps import market_cap
from trading.orders import Intent
from trading.overrides import lower
from trading.pretrade import Breach
from trading.types import (
    ZERO,
    PositionId,
    PositionState,
    Reason,
    Refusal,
    Side,
    SignalState,
    Usd,
)

_TAKES_ENTRIES = frozenset({PositionState.OPENING, PositionState.OPEN})

_SIGNAL = Statement(
    """
    SELECT s.state, w.is_active, w.is_paused, o.position_max, o.market_max, o.whale_max
    FROM signals AS s LEFT JOIN whales AS w ON w.address = s.wallet
    LEFT JOIN whale_overrides AS o ON o.wallet = s.wallet
    WHERE s.signal_id = :signal_id FOR SHARE OF s
    """
)
_STANDING = Statement(
    """
    SELECT position_id, status FROM positions
    WHERE user_address = :wallet AND source_whale = :whale AND token_id = :token_id
    AND status NOT IN ('CLOSED', 'REDEEMED')
    FOR NO KEY UPDATE
    """
)
_LAST = Statement(
    """
    SELECT coalesce(max(n), 0) AS n FROM positions
    WHERE user_address = :wallet AND source_whale = :whale AND token_id = :token_id
    """
)


class _RefusedError(Exception):
    """Carries a refusal out of the transaction, which rolls back."""

    def __init__(self, refusal: Refusal, breach: Breach | None = None) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.breach = breach


@dataclass(frozen=True, slots=True)
class _Taken:
    """One limit's use after an entry was reserved, and the cap it was held against."""

    used: Usd
    cap: Usd


async def reserve_entry(
    db: Database, intent: Intent, caps: LimitCaps, now: datetime
) -> Reserved | Refusal:
    """Check every cap on the worst case, reserve it, commit the intent and its PREPARED order.

    One transaction under the wallet's row, limits taken in a fixed order, each by one statement
    that holds the use against the cap, and each kept with the reservation under a CHECK. A
    throttle's refusal is kept, and may halt entries. What is reserved is `cost_max`. Idempotent
    by intent id: a repeat returns the intent stored first. The position is found or opened here,
    and its id is in the intent returned.
    """
    assert intent.side is Side.BUY, f"expected an entry, received {intent.side}"
    try:
        async with db.transaction() as connection:
            return Reserved(await _reserve(db, connection, intent, caps, now))
    except _RefusedError as no:
        if no.breach is not None:
            await keep_breach(db, intent, no.breach, now)
        return no.refusal


async def _reserve(
    db: Database, connection: AsyncConnection, intent: Intent, caps: LimitCaps, now: datetime
) -> Intent:
    wallet = intent.order.unsigned.maker
    await lock_wallet(connection, wallet)
    stored = await run_one(connection, INTENT, intent_id=intent.intent_id)
    if stored is not None:
        return read_intent(stored)
    caps = await _check_signal(connection, intent, caps)
    standing = await load_standing(connection, subject_of(intent), now)
    halt = entries_halt(standing, now, db.rules)
    if halt:
        raise _RefusedError(Refusal(Reason.ENTRIES_HALTED, {"halt": halt}))
    breach = await find_breach(connection, intent, caps, db.rules, now)
    if breach is not None:
        raise _RefusedError(Refusal(breach.reason, breach.numbers), breach)
    account = await load_account(connection, wallet)
    _check_balance(account, intent)
    if not is_drawdown_lifted(standing, now):
        drawdown = await load_drawdown(connection, wallet, account)
        factor = size_factor(drawdown, db.rules)
        caps = replace(caps, position=Usd(caps.position * factor))
    intent = replace(intent, position_id=await _find_position(connection, intent, now))
    taken = await _take_limits(connection, intent, caps, account)
    await insert_intent(connection, intent, None, now)
    await _insert_reservation(connection, intent, taken, now)
    return intent


async def _check_signal(connection: AsyncConnection, intent: Intent, caps: LimitCaps) -> LimitCaps:
    """Return the caps as they are for the signal's whale.

    Refuse an entry of a signal that ended meanwhile, its sender taken for dead, or of a whale that
    was removed or paused since the decision.
    """
    row = await run_one(connection, _SIGNAL, signal_id=intent.signal_id)
    if row is None:
        return caps
    if SignalState(row["state"]).is_terminal:
        raise _RefusedError(Refusal(Reason.SIGNAL_TOO_OLD, {"state": str(row["state"])}))
    if row["is_active"] is False or row["is_paused"]:
        reason = Reason.WHALE_PAUSED if row["is_active"] else Reason.WHALE_UNKNOWN
        raise _RefusedError(Refusal(reason, {"wallet": intent.whale}))
    return replace(
        caps,
        position=lower(caps.position, row["position_max"]),
        market=lower(caps.market, row["market_max"]),
        whale=lower(caps.whale, row["whale_max"]),
    )


def _check_balance(account: Account, intent: Intent) -> None:
    if account.available < intent.order.cost_max:
        numbers = {
            "cash": str(account.cash),
            "reserved": str(account.reserved + account.pending),
            "asked": str(intent.order.cost_max),
        }
        raise _RefusedError(Refusal(Reason.BALANCE_TOO_LOW, numbers))


async def _find_position(connection: AsyncConnection, intent: Intent, now: datetime) -> PositionId:
    """Return the position that the entry adds to, opened when there is none."""
    wallet, token_id = intent.order.unsigned.maker, intent.order.unsigned.token_id
    same = {"wallet": wallet, "whale": intent.whale, "token_id": token_id}
    row = await run_one(connection, _STANDING, **same)
    if row is None:
        last = await run_one(connection, _LAST, **same)
        assert last is not None, "a maximum is always one row"
        return await _open_position(connection, intent, last["n"] + 1, now)
    if PositionState(row["status"]) not in _TAKES_ENTRIES:
        numbers = {"position_id": str(row["position_id"]), "state": str(row["status"])}
        raise _RefusedError(Refusal(Reason.POSITION_CLOSING, numbers))
    return PositionId(row["position_id"])


async def _open_position(
    connection: AsyncConnection, intent: Intent, n: int, now: datetime
) -> PositionId:
    unsigned = intent.order.unsigned
    position_id = name_position(unsigned.maker, intent.whale, unsigned.token_id, n)
    await insert_row(
        connection,
        "positions",
        position_id=position_id,
        user_address=unsigned.maker,
        source_whale=intent.whale,
        condition_id=intent.condition_id,
        token_id=unsigned.token_id,
        n=n,
        status=PositionState.OPENING,
        opened_at=now,
    )
    return position_id


async def _take_limits(
    connection: AsyncConnection, intent: Intent, caps: LimitCaps, account: Account
) -> dict[Scope, _Taken]:
    """Use every limit, wallet first; the market's cap is also a share of the portfolio."""
    stake = stake_of(intent)
    wanted = {
        Scope.WALLET: (down(caps.wallet), Reason.WALLET_LIMIT),
        Scope.WHALE: (down(caps.whale), Reason.WHALE_LIMIT),
        Scope.MARKET: market_cap(caps.market, caps.market_share, account.equity),
        Scope.POSITION: (down(caps.position), Reason.POSITION_LIMIT),
    }
    more, taken = up(intent.order.cost_max), {}
    for scope in Scope:
        cap, reason = wanted[scope]
        used = await take_limit(connection, stake, scope, more, cap)
        if used is None:
            used = await load_used(connection, stake, scope)
            raise _RefusedError(Refusal(reason, _numbers(used, more, cap)))
        taken[scope] = _Taken(used, cap)
    return taken


def subject_of(intent: Intent) -> Subject:
    """Return what an entry is, as the breakers ask."""
    unsigned = intent.order.unsigned
    return Subject(unsigned.maker, unsigned.token_id, intent.condition_id, intent.whale)


def stake_of(intent: Intent) -> Stake:
    """Return where an intent's exposure counts."""
    wallet = intent.order.unsigned.maker
    return Stake(wallet, intent.whale, intent.condition_id, intent.position_id)


def _numbers(used: Usd, asked: Usd, cap: Decimal) -> dict[str, str]:
    left = max(cap - used, ZERO)
    return {"used": str(used), "asked": str(asked), "cap": str(cap), "left": str(left)}


async def _insert_reservation(
    connection: AsyncConnection, intent: Intent, taken: dict[Scope, _Taken], now: datetime
) -> None:
    figures = {
        f"{scope.lower()}_{name}": figure
        for scope, limit in taken.items()
        for name, figure in (("used_after", limit.used), ("cap_then", limit.cap))
    }
    await insert_row(
        connection,
        "reservations",
        intent_id=intent.intent_id,
        wallet=intent.order.unsigned.maker,
        whale=intent.whale,
        condition_id=intent.condition_id,
        position_id=intent.position_id,
        reserved=up(intent.order.cost_max),
        reserved_at=now,
        **figures,
    )
