"""Which build works for a wallet: the newest one that came, beside the lease's epoch."""

from storage.lane import QuickDatabase
from storage.statements import Statement
from trading.types import Wallet

_NAME = Statement(
    """
    UPDATE leases SET build = :build WHERE wallet = :wallet AND epoch = :epoch
    RETURNING build
    """
)


async def name_build(db: QuickDatabase, wallet: Wallet, epoch: int, build: str) -> bool:
    """Say that a worker of this build has come; False when the lease is another's by now.

    The signer refuses the orders of every other build from then on, so that of two releases that
    overlap only the one that came last trades.
    """
    row = await db.lane.row(_NAME, wallet=wallet, epoch=epoch, build=build)
    return row is not None
