"""Opens wallets that trade at one local venue, each with records of its own."""

from contextlib import AsyncExitStack
from pathlib import Path

from exchange.polymarket.endpoints import VenueAccess
from storage.postgres import PostgresStore
from tests.activities.kill_stand import RULES, Stand, now, open_stand
from tests.servers import DatabaseServer
from tests.storage.builders import usd


class Stands:
    """Opens wallets with records of their own, and second records for the same wallet."""

    def __init__(
        self, stack: AsyncExitStack, databases: DatabaseServer, template: str, home: Path
    ) -> None:
        self._stack = stack
        self._databases = databases
        self._template = template
        self._home = home

    async def open(self, venue: VenueAccess, name: str, signals_per_s: int = 1) -> Stand:
        """Open a wallet; its name is that of its home too."""
        home = self._home / name
        home.mkdir()
        opened = open_stand(venue, await self._database(), home, signals_per_s, name)
        return await self._stack.enter_async_context(opened)

    async def elsewhere(self, stand: Stand) -> PostgresStore:
        """Open other records of a stand's wallet, as a stack on another database has them."""
        store = PostgresStore(await self._database(), RULES.risk, stand.gateway.wallet)
        self._stack.push_async_callback(store.close)
        await store.save_market(stand.market, now())
        await store.record_deposit(usd(1_000_000), "bankroll", now())
        assert await store.acquire_lease(stand.gateway.wallet, "them", now()) == 1
        return store

    async def _database(self) -> str:
        name = await self._databases.create(self._template)
        self._stack.push_async_callback(self._databases.drop, name)
        return self._databases.url(name)
