from storage.holding_tables import mirrors, whale_held, whale_moves


def test_a_signal_is_given_its_share_once_and_a_move_has_its_place_in_an_answer() -> None:
    assert [column.name for column in mirrors.primary_key] == ["signal_id"]
    assert [column.name for column in whale_held.primary_key] == ["wallet", "token_id", "timestamp"]
    unique = [index for index in whale_moves.indexes if index.unique]
    assert [column.name for column in unique[0].columns][-1] == "ordinal"
