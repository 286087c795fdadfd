from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from exchange.port import AccountEvent, OrderGateway, Quarantined, StreamReset
from ingest.account import AccountListener
from storage.clearing import list_halts
from storage.postgres import PostgresStore
from storage.reconcile_port import ACCOUNT_STREAM
from tests.beside import beside
from tests.ingest.desk import Ears, Script, ShakyStore, count_quarantined, until, utc_now
from tests.storage.builders import NOW, WALLET, entry, reserved, trade, usd
from trading.types import OrderState


@dataclass
class Gateway:
    """A gateway whose user stream tells what the script says."""

    script: Script[AccountEvent]

    def stream_account(self) -> AsyncIterator[AccountEvent]:
        return self.script.stream()


@asynccontextmanager
async def listening(store: PostgresStore, ears: Ears, *events: AccountEvent) -> AsyncIterator[None]:
    gateway = cast("OrderGateway", Gateway(Script([events])))
    listener = AccountListener(gateway, store, store, ears.health, utc_now)
    async with beside(listener.run()):
        yield


async def fund(store: PostgresStore) -> None:
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1


async def test_a_trade_on_the_user_stream_reaches_its_order(
    store: PostgresStore, ears: Ears
) -> None:
    await fund(store)
    intent = await reserved(store, entry())
    await store.begin_sending(intent.order.order_hash, 1, NOW)

    async def is_filled() -> bool:
        progress = await store.load_progress(intent.order.order_hash)
        return progress is not None and progress.matched == 100

    async with listening(store, ears, StreamReset(NOW), trade(intent)):
        await until(is_filled)
    progress = await store.load_progress(intent.order.order_hash)
    assert progress is not None
    assert progress.state is OrderState.MATCHED


async def test_a_foreign_order_halts_entries_and_an_unreadable_payload_is_passed_over(
    store: PostgresStore, ears: Ears
) -> None:
    await fund(store)
    intent = await reserved(store, entry())
    foreign = trade(entry("s9#1"))

    async def is_filled() -> bool:
        progress = await store.load_progress(intent.order.order_hash)
        return progress is not None and progress.matched == 100

    refused = Quarantined("account", "no id", "{}")
    async with listening(store, ears, foreign, refused, trade(intent)):
        await until(is_filled)
    assert await count_quarantined(store) == 1
    assert await store.load_progress(foreign.order_hash) is None
    reasons = [halt.reason for halt in await list_halts(store)]
    assert any(reason.startswith("FOREIGN_ORDER") for reason in reasons), reasons


async def test_a_stream_that_was_connected_anew_has_everything_compared(
    store: PostgresStore, ears: Ears
) -> None:
    async def is_told() -> bool:
        return await store.load_cursor(ACCOUNT_STREAM) is not None

    async with listening(store, ears, StreamReset(NOW)):
        await until(is_told)


async def test_news_waits_for_a_database_that_is_away(store: PostgresStore, ears: Ears) -> None:
    await fund(store)
    intent = await reserved(store, entry())
    shaky = ShakyStore(store)
    shaky.away = {"is_ours": 1, "fold": 1, "quarantine": 1}

    async def is_filled() -> bool:
        progress = await store.load_progress(intent.order.order_hash)
        return progress is not None and progress.matched == 100

    refused = Quarantined("account", "no id", "{}")
    async with listening(cast("PostgresStore", shaky), ears, refused, trade(intent)):
        await until(is_filled)
    assert ears.failures("evidence") == 2
    assert ears.failures("quarantine") == 1
