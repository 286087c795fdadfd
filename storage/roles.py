"""A database role for each kind of process, with the rights that its work needs and no more."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from storage.database import connect_database, translated_errors


class Role(StrEnum):
    """Who logs in. They come without a password: only a server that trusts lets them in so."""

    INGEST = "whalecopy_ingest"
    ENGINE = "whalecopy_engine"
    SIGNER = "whalecopy_signer"
    RECONCILER = "whalecopy_reconciler"
    DASHBOARD = "whalecopy_dashboard"


READ = ("SELECT",)
ADD = ("SELECT", "INSERT")
CHANGE = ("SELECT", "INSERT", "UPDATE")
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")

APPEND_ONLY = ("ledger", "pnl_changes", "events")
"""What nobody changes once it is written; of the first two a trigger sees to it too."""

_INGEST: Mapping[str, Sequence[str]] = {
    # It hears and records; it never decides, commits, books, clears or overrides. An order that it
    # hears has failed is counted in the same transaction, and may trip a breaker: it may change
    # trips, and neither delete nor override one.
    **dict.fromkeys(("orders", "positions"), ("SELECT", "UPDATE")),
    **dict.fromkeys(("trades", "markets", "whales", "fills", "breaker_trips", "reviews"), CHANGE),
    **dict.fromkeys(("differences", "cursors", "watch_leases"), CHANGE),
    **dict.fromkeys(("feed_coverage", "feed_silences"), CHANGE),
    **dict.fromkeys(("signals", "halts", "events", "order_evidence", "quarantine", "tokens"), ADD),
    **dict.fromkeys(("whale_moves", "whale_held", "whale_scores", "whale_edges"), ADD),
    "equity": ALL,
}
_DASHBOARD: Mapping[str, Sequence[str]] = {"kills": ALL, "events": ADD}
_RECONCILER: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("differences", "reviews"), CHANGE),
    **dict.fromkeys(("halts", "events"), ADD),
}
_THERE = "duplicate_object OR unique_violation"
_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename
"""


def rights_of(role: Role, table: str) -> Sequence[str]:
    """Return what a role may do with a table."""
    if table == "alembic_version":
        return READ
    match role:
        case Role.ENGINE:
            return ADD if table in APPEND_ONLY else ALL
        case Role.INGEST:
            return _INGEST.get(table, READ)
        case Role.DASHBOARD:
            return _DASHBOARD.get(table, READ)
        case Role.RECONCILER:
            return _RECONCILER.get(table, READ)
        case Role.SIGNER:
            return READ


async def give_roles(database_url: str) -> Sequence[Role]:
    """Make the roles that are missing and give each its rights anew, in one transaction.

    Run it after every migration: a new table is nobody's before.

    Raises:
        StorageUnavailableError: the database did not answer.
        StorageError: we may not make roles; the words say so.
    """
    async with translated_errors():
        connection = await connect_database(database_url)
        try:
            async with connection.transaction():
                tables = [row["tablename"] for row in await connection.fetch(_TABLES)]
                await connection.execute("\n".join(_statements(tables)))
        finally:
            await connection.close()
    return tuple(Role)


def as_role(database_url: str, role: Role) -> str:
    """Return the address under which a role logs in to a server that trusts it."""
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}@{host}"))


def _statements(tables: Sequence[str]) -> Sequence[str]:
    made = [_make(role) for role in Role]
    given = [statement for role in Role for statement in _give(role, tables)]
    return [*made, *given]


def _make(role: Role) -> str:
    statement = f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT"
    return f"DO $$ BEGIN {statement}; EXCEPTION WHEN {_THERE} THEN NULL; END $$;"


def _give(role: Role, tables: Sequence[str]) -> Sequence[str]:
    by_rights: dict[Sequence[str], list[str]] = {}
    for table in tables:
        by_rights.setdefault(tuple(rights_of(role, table)), []).append(f'"{table}"')
    return [
        f"GRANT USAGE ON SCHEMA public TO {role};",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};",
        *(
            f"GRANT {', '.join(rights)} ON {', '.join(names)} TO {role};"
            for rights, names in by_rights.items()
        ),
    ]
