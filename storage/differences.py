"""Differences between our books and the venue's: kept, told, and halting entries when they last."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import intents
from storage.breakers import Halt, HaltScope, lock_halts, set_halt
from storage.database import Database
from storage.difference_tables import differences
from storage.events import insert_event
from storage.port import Event, StorageError
from storage.reconcile_port import Foreigner, Judged
from storage.reviews import Review, ReviewKind, open_review
from storage.tables import reviews
from trading.reconcile import BookKind, Reading, Span, Subject, Suspicion, Verdict
from trading.rules import ReconcileRules
from trading.types import TokenId, Wallet

FOREIGN_ORDER = "FOREIGN_ORDER"
_OPEN = differences.c.ended_at.is_(None)


async def load_suspicions(db: Database) -> Mapping[Subject, Suspicion]:
    """Return the differences under watch."""
    query = select(differences).where(differences.c.wallet == _need_wallet(db), _OPEN)
    async with db.transaction() as connection:
        rows = (await connection.execute(query)).mappings().all()
    found = [_read(row) for row in rows]
    return {suspicion.subject: suspicion for suspicion in found}


async def record_findings(
    db: Database, judged: Sequence[Judged], rules: ReconcileRules, now: datetime
) -> None:
    """Keep what was found in one transaction: rows, events, and the halt of what lasted."""
    wallet = _need_wallet(db)
    news = [each for each in judged if each.finding.verdict is not Verdict.EQUAL]
    if not news:
        return
    async with db.transaction() as connection:
        for each in sorted(news, key=lambda each: each.reading.subject):
            await _record(connection, wallet, each, rules, now)


async def record_foreigner(db: Database, foreigner: Foreigner, now: datetime) -> bool:
    """Halt all entries for a foreign order, and put it before a person; once for each."""
    wallet = _need_wallet(db)
    reason = f"{FOREIGN_ORDER}: no intent explains {foreigner.order_hash}, {foreigner.seen_as}"
    review = Review(
        ReviewKind.FOREIGN_ORDER,
        reason,
        now,
        token_id=foreigner.token_id,
        about=foreigner.order_hash,
        known={"order_hash": foreigner.order_hash, "seen_as": foreigner.seen_as},
    )
    async with db.transaction() as connection:
        await lock_halts(connection, wallet)
        if await _was_told(connection, review):
            return False
        await open_review(connection, review)
        await set_halt(connection, Halt(HaltScope.WALLET, wallet, reason, now))
    return True


async def _was_told(connection: AsyncConnection, review: Review) -> bool:
    """Tell whether a person has, or had, the same before them: it may be there for ever."""
    same = (reviews.c.kind == review.kind) & (reviews.c.subject == review.subject)
    query = select(reviews.c.review_id).where(same).limit(1)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def _record(
    connection: AsyncConnection,
    wallet: Wallet,
    judged: Judged,
    rules: ReconcileRules,
    now: datetime,
) -> None:
    reading, verdict, suspicion = judged.reading, judged.finding.verdict, judged.finding.suspicion
    if suspicion is None:
        await _end(connection, wallet, reading, rules, now)
        return
    await _keep(connection, wallet, suspicion)
    if verdict is Verdict.AGREED:
        event = Event("books_differ", "WARNING", describe(reading), now, _ids(reading.subject))
        await insert_event(connection, event)
    if verdict is Verdict.HALT:
        await _halt(connection, wallet, suspicion, rules, now)


async def _keep(connection: AsyncConnection, wallet: Wallet, suspicion: Suspicion) -> None:
    reading, subject = suspicion.reading, suspicion.subject
    values = {
        "ours": reading.ours,
        "theirs": reading.theirs,
        "slack_low": reading.slack.low,
        "slack_high": reading.slack.high,
        "price": reading.price,
        "gap_low": suspicion.gap.low,
        "gap_high": suspicion.gap.high,
        "reads": suspicion.reads,
        "first_at": suspicion.first_at,
        "last_at": suspicion.last_at,
        "halted_at": suspicion.halted_at,
    }
    row = insert(differences).values(wallet=wallet, kind=subject.kind, key=subject.key, **values)
    saved = row.on_conflict_do_update(
        index_elements=(differences.c.wallet, differences.c.kind, differences.c.key),
        index_where=_OPEN,
        set_=values,
    )
    await connection.execute(saved)


async def _end(
    connection: AsyncConnection,
    wallet: Wallet,
    reading: Reading,
    rules: ReconcileRules,
    now: datetime,
) -> None:
    subject = reading.subject
    same = (
        (differences.c.wallet == wallet)
        & (differences.c.kind == subject.kind)
        & (differences.c.key == subject.key)
    )
    row = update(differences).where(same, _OPEN).values(ended_at=now).returning(differences)
    ended = (await connection.execute(row)).mappings().one_or_none()
    if ended is None or not _read(ended).is_agreed(rules):
        return
    title = f"{describe(_read(ended).reading)}; it went away by itself"
    event = Event("books_agree_again", "INFO", title, now, _ids(subject))
    await insert_event(connection, event)


async def _halt(
    connection: AsyncConnection,
    wallet: Wallet,
    suspicion: Suspicion,
    rules: ReconcileRules,
    now: datetime,
) -> None:
    """Halt entries of the token, or of the wallet, and put the difference before a person."""
    reading, subject = suspicion.reading, suspicion.subject
    token_id = await _token_of(connection, subject)
    scope = HaltScope.WALLET if token_id is None else HaltScope.TOKEN
    key = wallet if token_id is None else token_id
    is_far = reading.is_far_apart(rules)
    kind = ReviewKind.BOOKS_FAR_APART if is_far else ReviewKind.BOOKS_DIFFER
    reason = f"{describe(reading)} since {suspicion.first_at:%H:%M:%S} UTC"
    await lock_halts(connection, key)
    await set_halt(connection, Halt(scope, key, reason, now))
    event = Event("entries_halted", kind.severity, reason, now, {scope.lower(): key})
    await insert_event(connection, event)
    known = {
        "kind": subject.kind.value,
        "ours": f"{reading.ours:f}",
        "theirs": f"{reading.theirs:f}",
        "unexplained": f"{reading.unexplained:f}",
        "size_usd": f"{reading.size_usd:f}",
        "first_at": suspicion.first_at.isoformat(),
        "reads": str(suspicion.reads),
    }
    review = Review(kind, reason, now, token_id=token_id, about=subject.key, known=known)
    await open_review(connection, review)


async def _token_of(connection: AsyncConnection, subject: Subject) -> TokenId | None:
    match subject.kind:
        case BookKind.CASH:
            return None
        case BookKind.TOKEN:
            return TokenId(subject.key)
        case BookKind.ORDER:
            query = select(intents.c.token_id).where(intents.c.order_hash == subject.key)
            found = (await connection.execute(query)).scalar_one_or_none()
            return None if found is None else TokenId(found)


def describe(reading: Reading) -> str:
    """Say in one line what differs and by how much."""
    subject = reading.subject
    sides = f"ours {_plain(reading.ours)}, the venue's {_plain(reading.theirs)}"
    match subject.kind:
        case BookKind.CASH:
            return f"cash differs by ${_plain(reading.unexplained)}: {sides}"
        case BookKind.TOKEN:
            return f"shares of token {subject.key} differ: {sides}, ${reading.size_usd:.2f}"
        case BookKind.ORDER:
            return f"order {subject.key} is on one side's book only: {sides} shares"


def _plain(figure: object) -> str:
    text = f"{figure:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _ids(subject: Subject) -> Mapping[str, str]:
    names = {BookKind.CASH: "wallet", BookKind.TOKEN: "token_id", BookKind.ORDER: "order_hash"}
    return {names[subject.kind]: subject.key}


def _read(row: RowMapping) -> Suspicion:
    reading = Reading(
        Subject(BookKind(row["kind"]), row["key"]),
        row["ours"],
        row["theirs"],
        Span(row["slack_low"], row["slack_high"]),
        row["price"],
    )
    return Suspicion(
        reading=reading,
        gap=Span(row["gap_low"], row["gap_high"]),
        first_at=row["first_at"],
        last_at=row["last_at"],
        reads=row["reads"],
        halted_at=row["halted_at"],
    )


def _need_wallet(db: Database) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected records of one wallet to reconcile, received those of all")
    return db.wallet
