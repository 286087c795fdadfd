"""A dashboard served for one test, and how it is asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from prometheus_client import CollectorRegistry

from dashboard.app import Address, Site, build_site, serving
from dashboard.board import Board, Identity, Sources
from dashboard.links import TemporalUi
from dashboard.play import Play
from dashboard.queries import Records
from dashboard.switch import SwitchDesk
from storage.guard_port import Kill
from tests.dashboard.fake_records import NOW, FakePlay, FakeRecords
from trading.rules import RiskRules

READ_EVERY_S = 0.01
PATIENCE_S = 60.0


@dataclass
class FakeSwitch:
    """Who holds the switch, in memory."""

    held: list[Kill] = field(default_factory=list)

    async def pull_switch(self, kill: Kill) -> bool:
        self.held.append(kill)
        return True

    async def release_switch(self, kill: Kill) -> bool:
        self.held = [each for each in self.held if each.source is not kill.source]
        return True

    async def list_kills(self) -> Sequence[Kill]:
        return self.held


def a_board(records: Records, play: Play | None = None, mode: str = "replay") -> Board:
    sources = Sources(records, FakePlay(play), lambda: NOW)
    ui = TemporalUi("http://127.0.0.1:8233", "default")
    return Board(Identity(mode, "replay", NOW), sources, RiskRules(), ui)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> dict[str, object]:
        answer = json.loads(self.body)
        assert isinstance(answer, dict)
        return answer


@dataclass
class Desk:
    """Asks a served dashboard."""

    url: str
    session: aiohttp.ClientSession
    site: Site

    async def ask(
        self, path: str, method: str = "GET", data: bytes | None = None, **headers: str
    ) -> Answer:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        async with self.session.request(
            method, self.url + path, headers=named, data=data, allow_redirects=False
        ) as response:
            text = await response.text()
            return Answer(response.status, dict(response.headers), text)

    async def rows(self, path: str, name: str) -> list[dict[str, object]]:
        answer = await self.ask(path)
        assert answer.status == 200, answer.body
        rows = answer.json[name]
        assert isinstance(rows, list)
        return rows

    def stream(self) -> "aiohttp.client._RequestContextManager":
        return self.session.get(self.url + "/events")


@asynccontextmanager
async def a_desk(
    records: Records | None = None, play: Play | None = None, mode: str = "replay"
) -> AsyncIterator[Desk]:
    """Serve a board on a free port and read it every 10 ms while somebody watches."""
    board = a_board(records if records is not None else FakeRecords(), play, mode)
    switch = SwitchDesk(FakeSwitch(), lambda: NOW)
    site = build_site(board, CollectorRegistry(), "127.0.0.1", READ_EVERY_S, switch=switch)
    async with (
        asyncio.timeout(PATIENCE_S),
        serving(site, Address("127.0.0.1", 0)) as url,
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as tasks,
    ):
        reading = tasks.create_task(site.pulse.run())
        yield Desk(url, session, site)
        reading.cancel()


async def next_event(response: aiohttp.ClientResponse) -> tuple[str, object]:
    """Read the next named event of a stream."""
    name, data = "", ""
    async for raw in response.content:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data += line.removeprefix("data: ")
        elif not line and name:
            return name, json.loads(data)
    raise AssertionError("the stream ended")


async def until_event(response: aiohttp.ClientResponse, wanted: str) -> object:
    """Read events until one of a name comes, and return what it says."""
    while True:
        name, told = await next_event(response)
        if name == wanted:
            return told
