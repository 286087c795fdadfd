from storage.redeem_tables import redemption_sendings


def test_a_wallet_has_one_open_redemption_by_an_index() -> None:
    unique = [index for index in redemption_sendings.indexes if index.unique]
    assert [[column.name for column in index.columns] for index in unique] == [["wallet"]]
