"""A person overrules positions by the beginning of their ids."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.records import Command
from codec_keys import NO_CODEC, CodecFile
from command import TellTrade, TradeCommand
from embedded.addresses import Addresses, save_addresses
from embedded.temporal_keys import NO_KEY_FILES, TemporalKeyFiles
from inquire import InquireError
from operate import operate
from oversee import find_position, find_subject, oversee
from position_command import ClosePosition, SetLevels
from storage.port import PositionRecord
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, signal
from tests.workflows.hall import Hall, open_hall, until
from trading.profiles import DEFAULT
from trading.rules import Rules
from trading.types import PositionState


@dataclass(frozen=True)
class Stack:
    """What is operated."""

    home: Path
    database_url: str = ""
    temporal_address: str = ""
    temporal_namespace: str = "default"
    temporal_keys: TemporalKeyFiles = NO_KEY_FILES
    codec: CodecFile = NO_CODEC
    rules: Rules = DEFAULT


@pytest.fixture
async def hall(temporal_client: Client, database_url: str) -> AsyncIterator[Hall]:
    """A worker's surroundings."""
    async with open_hall(temporal_client, database_url) as hall:
        yield hall


@pytest.fixture
def stack(hall: Hall, temporal_client: Client, database_url: str, tmp_path: Path) -> Stack:
    """Where the hall's records and workflows are, found by their home."""
    address = temporal_client.service_client.config.target_host
    save_addresses(tmp_path, Addresses(database_url, "", address, None))
    return Stack(tmp_path)


async def opened(hall: Hall) -> PositionRecord:
    """Buy, and let an owner take the position."""
    position = await hall.desk.opened()
    await hall.own(position.position_id)

    async def has_levels() -> bool:
        return (await hall.desk.position(position.position_id)).stop_loss_price is not None

    await until(has_levels)
    return position


async def test_a_position_is_held_sold_in_part_and_closed(hall: Hall, stack: Stack) -> None:
    async with hall.worker():
        position = await opened(hall)
        name = position.position_id[:9]
        held = await operate(stack, TellTrade(TradeCommand.HOLD, name, "ann", "news"))
        assert f"hold of position {position.position_id[:12]}… is accepted" in held.as_text()
        assert await hall.desk.store.find_hold(position.position_id) is not None
        await operate(stack, TellTrade(TradeCommand.RELEASE, name, "ann", "news"))
        levels = await oversee(
            stack, SetLevels(name, "ann", "news", stop=Decimal("0.3"), trailing=Decimal(0))
        )
        assert "levels (stop 0.3, trailing off)" in levels.as_text()
        after = await hall.desk.position(position.position_id)
        assert (str(after.stop_loss_price), after.is_trailing_off) == ("0.300000", True)
        low = Decimal("0.004")
        part = await oversee(stack, ClosePosition(name, "ann", "news", Decimal("0.5"), low))
        assert "close 0.5 down to 0.004 of position" in part.as_text()
        closing = await operate(stack, ClosePosition(name, "ann", "news"))
        assert "it is not sold below the floor, unless --lowest PRICE" in closing.as_text()
        told = closing.as_json()
        assert isinstance(told, dict)
        assert (told["command"], told["accepted"]) == ("close", True)

        async def is_closed() -> bool:
            state = (await hall.desk.position(position.position_id)).state
            return state is PositionState.CLOSED

        await until(is_closed)
        with pytest.raises(InquireError, match="is over: CLOSED"):
            await oversee(stack, ClosePosition(name, "ann", "again"))


async def test_what_an_owner_refuses_is_told_with_its_words(hall: Hall, stack: Stack) -> None:
    async with hall.worker():
        position = await opened(hall)
        name = position.position_id
        with pytest.raises(InquireError, match=r"is refused: .*nobody holds it"):
            await operate(stack, TellTrade(TradeCommand.RELEASE, name, "ann", "news"))
    with pytest.raises(InquireError, match="--stop, --target or --trailing"):
        await oversee(stack, SetLevels(name, "ann", "news"))
    await hall.owner(position.position_id).terminate()
    with pytest.raises(InquireError, match=r"no owner of position .* try again"):
        await oversee(stack, ClosePosition(name, "ann", "news"))


async def test_ids_are_found_by_their_beginning_unless_that_says_too_little(
    hall: Hall, stack: Stack
) -> None:
    position = await hall.desk.opened()
    store: PostgresStore = hall.desk.store
    assert await find_position(store, position.position_id) == position
    for nothing in ("", "nope"):
        with pytest.raises(InquireError, match="found none like"):
            await find_position(store, nothing)
    assert await find_subject(store, position.position_id[:8]) == position
    assert await find_subject(store, "s1") == "s1"
    await store.record_signal(signal(f"{position.position_id[:8]}ff"), NOW)
    with pytest.raises(InquireError, match="a signal and a position"):
        await find_subject(store, position.position_id[:8])
    with pytest.raises(InquireError, match="found none like"):
        await operate(stack, TellTrade(TradeCommand.HOLD, "nope", "ann", "news"))
    assert Command("ann", "news").who == "ann"
