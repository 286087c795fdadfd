"""The kill switch on the page: our own page on this machine, and nobody else."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from dashboard.app import Address, build_site, serving
from dashboard.switch import SwitchDesk
from storage.guard_port import Kill, KillSource
from tests.dashboard.browser import CHROMIUM, a_tab
from tests.dashboard.desk import Answer, Desk, FakeSwitch, a_board
from tests.dashboard.fake_records import NOW, FakeRecords

ASKED: Mapping[str, object] = {"confirm": "halt", "why": "odd fills"}


@asynccontextmanager
async def a_switch_desk(switch: FakeSwitch) -> AsyncIterator[Desk]:
    site = build_site(
        a_board(FakeRecords()),
        CollectorRegistry(),
        "127.0.0.1",
        switch=SwitchDesk(switch, lambda: NOW),
    )
    async with (
        serving(site, Address("127.0.0.1", 0)) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Desk(url, session, site)


async def post(desk: Desk, path: str, asked: object = ASKED, **headers: str) -> Answer:
    ours = {"Origin": desk.url, "X_Whalecopy": "1", "Content_Type": "application/json"}
    named = {name: text for name, text in {**ours, **headers}.items() if text}
    data = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    return await desk.ask(path, "POST", data=data, **named)


async def test_the_switch_is_pulled_and_let_go_with_a_reason() -> None:
    switch = FakeSwitch()
    async with a_switch_desk(switch) as desk:
        told = await post(desk, "/api/halt", {**ASKED, "close_all": True})
        assert (told.status, told.json["is_held"]) == (200, True)
        assert switch.held == [
            Kill(KillSource.DASHBOARD, "the dashboard", "odd fills", NOW, closes_all=True)
        ]
        assert (await desk.ask("/api/kills")).json["is_held"] is True
        assert (await post(desk, "/api/resume")).json == {"is_held": False, "kills": []}


async def test_letting_go_here_says_who_holds_it_still() -> None:
    switch = FakeSwitch([Kill(KillSource.COMMAND, "ann", "w", NOW)])
    async with a_switch_desk(switch) as desk:
        told = await post(desk, "/api/resume")
        assert told.json["is_held"] is True
        assert "COMMAND" in told.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"X_Whalecopy": ""},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
        {"Host": "evil.example"},
    ],
)
async def test_what_another_page_or_program_could_send_is_refused(headers: dict[str, str]) -> None:
    switch = FakeSwitch()
    async with a_switch_desk(switch) as desk:
        for path in ("/api/halt", "/api/resume"):
            assert (await post(desk, path, **headers)).status == 403
    assert switch.held == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"why": "odd fills"},
        {"confirm": "yes", "why": "odd fills"},
        {"confirm": "halt", "why": " "},
        {"confirm": "halt", "why": "x" * 501},
        {"confirm": "halt", "why": 7},
        {"confirm": "halt", "why": "w", "close_all": "no"},
        [],
        b"not json",
        b"[" * 900,
    ],
)
async def test_what_is_not_confirmed_or_says_no_reason_is_refused(asked: object) -> None:
    switch = FakeSwitch()
    async with a_switch_desk(switch) as desk:
        assert (await post(desk, "/api/halt", asked)).status == 400
        form = await post(desk, "/api/halt", Content_Type="application/x-www-form-urlencoded")
        assert form.status == 400
    assert switch.held == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_a_post_turns_it(method: str) -> None:
    async with a_switch_desk(FakeSwitch()) as desk:
        assert (await desk.ask("/api/halt", method)).status == 405


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_the_page_halts_on_a_second_click_with_a_reason_only() -> None:
    switch = FakeSwitch()
    click = "document.getElementById('{}').click()"
    async with a_switch_desk(switch) as desk, a_tab(desk.url) as tab:
        await tab.until("document.getElementById('switch')?.textContent", "Halt entries")
        await tab.evaluate(click.format("switch"))
        await tab.evaluate(click.format("switch-confirm"))
        assert switch.held == []
        await tab.evaluate("document.getElementById('switch-why').value = 'odd fills'")
        await tab.evaluate(click.format("switch-confirm"))
        await tab.until("document.getElementById('switch').textContent", "Let entries go")
        assert [kill.why for kill in switch.held] == ["odd fills"]
        assert tab.complaints == []
