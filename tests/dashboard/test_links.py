import pytest

from dashboard.links import TemporalUi
from trading.types import PositionId, SignalId


def test_a_trade_and_a_position_have_their_workflow_as_address() -> None:
    ui = TemporalUi("http://127.0.0.1:8233/", "whale copy")
    home = "http://127.0.0.1:8233/namespaces/whale%20copy/workflows"
    assert ui.home == home
    assert ui.trade(SignalId("0xab/1")) == f"{home}/copy-trade%2F0xab%2F1"
    assert ui.position(PositionId("b1-2")) == f"{home}/position%2Fb1-2"


def test_without_an_address_there_are_no_links() -> None:
    ui = TemporalUi("", "default")
    assert ui.home is None
    assert ui.trade(SignalId("s")) is None
    assert ui.position(PositionId("p")) is None


@pytest.mark.parametrize("base", ["javascript:alert(1)", "127.0.0.1:8233", "ftp://here"])
def test_an_address_that_is_no_web_page_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="expected the Temporal UI"):
        TemporalUi(base, "default")
