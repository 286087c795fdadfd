"""The four hands on a kill switch, each the way a person has it: command, page, Temporal, file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from activities.guard import GuardActivities, KillOrder
from dashboard.switch import CONFIRMED, TOKEN_HEADER, SwitchDesk
from halt import guard
from halt_command import PullSwitch
from storage.guard_port import KillSource
from storage.halt_file import NAME
from storage.postgres import PostgresStore
from trading.rules import Rules


@dataclass(frozen=True, slots=True)
class Faces:
    """A stack as those see it who may stop it."""

    database_url: str
    home: Path
    rules: Rules
    store: PostgresStore
    page_url: str

    async def pull(self, source: KillSource) -> None:
        """Pull the switch, and return once it is held."""
        match source:
            case KillSource.FILE:
                (self.home / NAME).write_text("by hand")
            case KillSource.TEMPORAL:
                steps = GuardActivities(self.store, self.rules.risk, now)
                await steps.pull_switch(KillOrder("ann", "a test"))
            case KillSource.COMMAND:
                await guard(self, PullSwitch("ann", "a test", closes_all=False))
            case KillSource.DASHBOARD:
                await self._press()

    async def _press(self) -> None:
        headers = {"Origin": self.page_url, TOKEN_HEADER: "1"}
        asked = {"confirm": CONFIRMED, "why": "a test"}
        url = f"{self.page_url}/api/halt"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=asked, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def open_faces(
    store: PostgresStore, database_url: str, home: Path, rules: Rules
) -> AsyncIterator[Faces]:
    """Serve the page's switch, and offer the others."""
    app = web.Application()
    SwitchDesk(store, now).add_routes(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield Faces(database_url, home, rules, store, url)
    finally:
        await runner.cleanup()


def now() -> datetime:
    return datetime.now(UTC)
