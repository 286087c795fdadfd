from storage.ownership import LooseOrder
from tests.storage.builders import NOW, order_hash
from trading.types import OrderState, PositionId


def test_an_exit_s_order_names_no_signal() -> None:
    order = LooseOrder(
        order_hash("x"), OrderState.PREPARED, None, PositionId("p1"), NOW, False, False
    )
    assert order.signal_id is None
