"""The build beside the lease."""

from storage.builds import name_build
from storage.postgres import PostgresStore
from storage.statements import Statement
from tests.storage.builders import WALLET, later

_BUILD = Statement("SELECT build FROM leases WHERE wallet = :wallet")


async def test_the_newest_build_is_kept_with_the_lease(funded: PostgresStore) -> None:
    assert await name_build(funded, WALLET, 1, "1.0")
    assert await name_build(funded, WALLET, 1, "1.1")
    row = await funded.lane.row(_BUILD, wallet=WALLET)
    assert row is not None
    assert row["build"] == "1.1"


async def test_who_lost_the_lease_names_no_build(funded: PostgresStore) -> None:
    assert await funded.acquire_lease(WALLET, "them", later(60)) == 2
    assert not await name_build(funded, WALLET, 1, "1.0")
