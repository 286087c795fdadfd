from storage.whale_tables import whale_edges, whale_overrides, whale_scores


def test_a_wallet_has_one_row_of_overrides_and_one_watch_but_many_scores() -> None:
    for table in (whale_overrides, whale_edges):
        assert [column.name for column in table.primary_key] == ["wallet"]
    assert [column.name for column in whale_scores.primary_key] == ["wallet", "scored_at"]
