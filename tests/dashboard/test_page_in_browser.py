import pytest

from tests.dashboard.browser import CHROMIUM, a_tab
from tests.dashboard.desk import a_desk
from tests.dashboard.fake_records import HOSTILE, TAPE, FakeRecords

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

POSITIONS = "document.querySelectorAll('#positions-rows tr').length"
TRADES = "document.querySelectorAll('#trades-rows tr').length"
IMAGES = "document.querySelectorAll('img').length"


async def test_the_page_shows_what_the_records_say_and_follows_them() -> None:
    records = FakeRecords()
    async with a_desk(records, TAPE) as desk, a_tab(desk.url) as tab:
        await tab.until(POSITIONS, 1)
        await tab.until(TRADES, 2)
        await tab.until("document.getElementById('equity').textContent", "$10,030.75")
        await tab.until("document.getElementById('link-text').textContent", "live")
        tape = await tab.evaluate("document.getElementById('play').innerText")
        assert "Recorded books, invented whales." in str(tape)
        assert HOSTILE in str(await tab.evaluate("document.querySelector('td.market').innerText"))
        reviews = str(await tab.evaluate("document.getElementById('reviews-card').innerText"))
        assert "wrong id" in reviews
        assert await tab.evaluate(IMAGES) == 1, "only our own icon is an image"
        records.positions = []
        records.reviews = []
        await tab.until("document.getElementById('reviews-card').hidden", True)
        await tab.until(POSITIONS, 0)
        records.is_down = True
        await tab.until("document.getElementById('stale').hidden", False)
        assert tab.complaints == []


async def test_profit_and_loss_is_split_by_whale_market_and_day() -> None:
    rows = "document.getElementById('pnl-rows').innerText"
    async with a_desk() as desk, a_tab(desk.url) as tab:
        await tab.until("document.querySelectorAll('#pnl-rows tr').length", 1)
        assert HOSTILE in str(await tab.evaluate(rows))
        assert "+$30.75" in str(await tab.evaluate(rows))
        assert await tab.evaluate("document.getElementById('pnl-gap').hidden") is True
        await tab.evaluate("document.querySelector('button[data-by=days]').click()")
        assert "2026-10-01" in str(await tab.evaluate(rows))
        assert "$10,030.75" in str(await tab.evaluate(rows))
        assert await tab.evaluate(IMAGES) == 1
        assert tab.complaints == []


async def test_a_signal_is_opened_and_explained() -> None:
    async with a_desk() as desk, a_tab(desk.url) as tab:
        await tab.until(TRADES, 2)
        await tab.evaluate("document.querySelector('#trades-rows button').click()")
        await tab.until("document.querySelectorAll('#detail-body dl').length >= 3", True)
        told = str(await tab.evaluate("document.getElementById('detail-body').innerText"))
        assert "Spread too wide" in told
        assert "0.03" in told
        assert "Confirmed" in told
        assert await tab.evaluate(IMAGES) == 1
        assert tab.complaints == []


@pytest.mark.parametrize("width", [360, 768, 1280])
async def test_nothing_is_wider_than_the_screen(width: int) -> None:
    async with a_desk(play=TAPE) as desk, a_tab(desk.url) as tab:
        await tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=False,
        )
        await tab.until(POSITIONS, 1)
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
        assert tab.complaints == []
