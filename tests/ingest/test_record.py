from typing import cast

import pytest
from structlog.testing import capture_logs

from exchange.port import Quarantined
from ingest.record import Recorder
from storage.postgres import PostgresStore
from tests.ingest.desk import (
    Ears,
    ShakyStore,
    chain_log,
    count_quarantined,
    record_row,
    rtds_row,
    signal_sizes,
    utc_now,
)
from tests.storage.builders import later, signal
from trading.aggregate import FoundSignal


def recorder_of(store: object, ears: Ears) -> Recorder:
    known = cast("PostgresStore", store)
    return Recorder(known, known, ears.health, utc_now)


async def test_like_rows_without_a_log_index_are_numbered(store: PostgresStore, ears: Ears) -> None:
    recorder = recorder_of(store, ears)
    rows = [rtds_row("10") for _ in range(3)]
    assert [await recorder.record_fill(row) for row in rows] == rows
    assert len(await recorder.recall(later(-(10**9)), 10)) == 3


async def test_a_row_that_an_earlier_process_stored_counts_no_more(
    store: PostgresStore, ears: Ears
) -> None:
    assert await recorder_of(store, ears).record_fill(rtds_row("10"))
    restarted = recorder_of(store, ears)
    assert not await restarted.record_fill(rtds_row("10"))
    assert await restarted.record_fill(rtds_row("10"))


async def test_what_was_recalled_is_a_repetition_without_a_look_and_what_exceeds_it_is_new(
    store: PostgresStore, ears: Ears
) -> None:
    """The record tells its last minutes again: live fills do not wait for as many round trips."""
    first = recorder_of(store, ears)
    assert all([await first.record_fill(rtds_row("10")) for _ in range(2)])
    shaky = ShakyStore(store)
    restarted = recorder_of(shaky, ears)
    await restarted.recall(later(-(10**9)), 10)
    shaky.refused = {"record_fill"}
    assert [await restarted.record_fill(rtds_row("10")) for _ in range(2)] == [None] * 2
    assert ears.failures("fill") == 0
    shaky.refused = set()
    assert await restarted.record_fill(rtds_row("10"))
    assert await restarted.record_fill(rtds_row("10.000001"))
    assert await restarted.record_fill(chain_log(1, "10"))
    assert len(await restarted.recall(later(-(10**9)), 10)) == 5


@pytest.mark.parametrize(
    "again", [["100", "50"], ["50", "100"], ["150"], ["50", "50", "50"], ["30", "20", "100"]]
)
async def test_what_the_record_tells_again_counts_no_more_however_it_is_cut_now(
    store: PostgresStore, ears: Ears, again: list[str]
) -> None:
    """Rows of 100 and 50 came in parts of 50, 50 and 50, since answers held other rows first."""
    first = recorder_of(store, ears)
    assert all([await first.record_fill(record_row("50")) for _ in range(3)])
    restarted = recorder_of(store, ears)
    await restarted.recall(later(-(10**9)), 10)
    assert [await restarted.record_fill(record_row(size)) for size in again] == [None] * len(again)
    part = await restarted.record_fill(record_row("50"))
    assert part is not None
    assert part.size == 50


async def test_of_a_row_that_was_told_in_part_only_the_rest_counts(
    store: PostgresStore, ears: Ears
) -> None:
    assert await recorder_of(store, ears).record_fill(record_row("50"))
    restarted = recorder_of(store, ears)
    await restarted.recall(later(-(10**9)), 10)
    parts = [await restarted.record_fill(record_row(size)) for size in ("120", "50")]
    assert [part.size for part in parts if part is not None] == [70, 50]
    assert len(await restarted.recall(later(-(10**9)), 10)) == 3


async def test_what_one_transaction_told_hides_nothing_of_another_nor_of_another_source(
    store: PostgresStore, ears: Ears
) -> None:
    assert await recorder_of(store, ears).record_fill(record_row("50"))
    restarted = recorder_of(store, ears)
    await restarted.recall(later(-(10**9)), 10)
    assert await restarted.record_fill(record_row("50", tx="0x02"))
    assert await restarted.record_fill(rtds_row("50"))


async def test_a_row_whose_first_answer_was_lost_counts(store: PostgresStore, ears: Ears) -> None:
    shaky = ShakyStore(store)
    shaky.lost_answers = {"record_fill": 1}
    assert await recorder_of(shaky, ears).record_fill(rtds_row("10"))
    assert ears.failures("fill") == 1


async def test_a_row_of_an_earlier_process_counts_no_more_when_its_write_is_repeated(
    store: PostgresStore, ears: Ears
) -> None:
    assert await recorder_of(store, ears).record_fill(rtds_row("10"))
    shaky = ShakyStore(store)
    shaky.lost_answers = {"record_fill": 1}
    assert not await recorder_of(shaky, ears).record_fill(rtds_row("10"))
    assert ears.failures("fill") == 1


async def test_a_log_always_counts_since_its_index_tells_it_from_others(
    store: PostgresStore, ears: Ears
) -> None:
    recorder = recorder_of(store, ears)
    assert await recorder.record_fill(chain_log(1))
    assert await recorder.record_fill(chain_log(1))


async def test_a_signal_is_told_once(store: PostgresStore, ears: Ears) -> None:
    recorder = recorder_of(store, ears)
    found = FoundSignal(signal(), (chain_log(1, tx=signal().transaction_hash),))
    with capture_logs() as logs:
        await recorder.record_signal(found)
        await recorder.record_signal(found)
    assert [line["event"] for line in logs] == ["signal_committed"]
    assert await signal_sizes(store) == [3000]


async def test_a_payload_that_even_the_quarantine_refuses_stops_nothing(
    store: PostgresStore, ears: Ears
) -> None:
    shaky = ShakyStore(store)
    shaky.refused = {"quarantine"}
    await recorder_of(shaky, ears).quarantine(Quarantined("chain", "why", "{}"))
    assert (await count_quarantined(store), ears.failures("quarantine")) == (0, 1)
