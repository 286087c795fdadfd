from storage.exit_tables import exits, position_holds


def test_an_exit_is_planned_once_and_a_position_held_by_one() -> None:
    assert [column.name for column in exits.primary_key] == ["position_id", "exit_epoch"]
    assert [column.name for column in position_holds.primary_key] == ["position_id"]
