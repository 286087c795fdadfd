"""Runs migrations on the connection that `storage.migrate` hands over."""

from alembic import context

import storage.book_tables
import storage.breaker_tables
import storage.difference_tables
import storage.exit_tables
import storage.holding_tables
import storage.pnl_tables
import storage.redeem_tables
import storage.tables
import storage.watch_tables
import storage.whale_tables  # noqa: F401 - declares its tables
from storage.columns import metadata


def run() -> None:
    """Run within the caller's transaction, so that a migration is applied wholly or not at all."""
    connection = context.config.attributes.get("connection")
    assert connection is not None, "expected a connection: migrate with storage.migrate"
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


run()
