from sqlalchemy import select

from storage.postgres import PostgresStore
from storage.tables import signals
from storage.view_labels import LABELS, join_labels, read_token_label, read_whale_label
from storage.views import TokenLabel, WhaleLabel
from tests.storage.builders import NOW, WHALE, YES, later, market, signal, whale


async def test_labels_are_what_is_known_and_none_what_is_not(store: PostgresStore) -> None:
    await store.record_signal(signal(), NOW)
    source = join_labels(signals, signals.c.token_id, signals.c.wallet)
    query = select(signals, *LABELS).select_from(source)

    async def read() -> tuple[TokenLabel, WhaleLabel]:
        async with store.transaction() as connection:
            row = (await connection.execute(query)).mappings().one()
        return read_token_label(row, row["token_id"]), read_whale_label(row, row["wallet"])

    assert await read() == (TokenLabel(YES), WhaleLabel(WHALE))
    await store.save_market(market(), NOW)
    await store.save_whale(whale(), NOW)
    token, label = await read()
    assert token == TokenLabel(YES, "Will it?", "will-it", "Yes", later(9000))
    assert label == WhaleLabel(WHALE, "Deep-Blue", is_invented=True)
