from storage.difference_tables import differences


def test_a_figure_differs_once_at_a_time() -> None:
    (index,) = differences.indexes
    assert index.unique
    assert [column.name for column in index.columns] == ["wallet", "kind", "key"]
