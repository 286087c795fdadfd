from paper.stakes import StakeKind


def test_only_a_conversion_is_about_one_outcome() -> None:
    assert StakeKind.SPLIT.outcomes == StakeKind.MERGE.outcomes == (0, 1)
    assert StakeKind.CONVERSION.outcomes == (1,)
