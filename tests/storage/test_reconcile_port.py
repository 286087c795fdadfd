from storage.reconcile_port import Foreigner
from tests.storage.builders import order_hash


def test_a_foreign_order_need_not_name_its_token() -> None:
    assert Foreigner(order_hash("strange"), "resting on the book").token_id is None
