"""Names on which several processes agree: they may not change while workflows run."""

from tests.storage.builders import WALLET
from trading.types import PositionId, SignalId
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow
from workflows.position import PositionWorkflow


def test_workflows_are_named_for_what_they_are_about() -> None:
    assert names.copy_trade_id(SignalId("s1")) == "copy-trade/s1"
    assert names.position_workflow_id(PositionId("p1")) == "position/p1"


def test_operators_find_trades_by_these_attributes() -> None:
    assert names.SEARCH_ATTRIBUTES == {
        "Whale": "Keyword",
        "MarketSlug": "Keyword",
        "TokenId": "Keyword",
        "Side": "Keyword",
        "Outcome": "Keyword",
        "TradeState": "Keyword",
        "NotionalUsd": "Double",
    }


def test_signals_and_workflows_keep_their_names() -> None:
    assert CopyTradeWorkflow.__name__ == "CopyTradeWorkflow"
    signals = getattr(PositionWorkflow, "__temporal_workflow_definition").signals
    assert {names.REQUEST_EXIT, names.FILLS_CHANGED} == set(signals)


def test_a_trade_takes_these_commands() -> None:
    updates = getattr(CopyTradeWorkflow, "__temporal_workflow_definition").updates
    assert {names.CANCEL, names.STOP_RETRYING, names.HOLD, names.RELEASE} == set(updates)
    assert sorted(updates) == ["cancel", "hold", "release", "stop_retrying"]


def test_one_wallet_has_one_reconciliation() -> None:
    assert names.reconcile_id(WALLET) == f"reconcile/{WALLET}"
