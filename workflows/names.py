"""Names that several processes must agree on: ids, queue, signals, search attributes."""

from temporalio.common import SearchAttributeKey

from trading.types import PositionId, SignalId, Wallet

TASK_QUEUE = "whalecopy"

WHALE = SearchAttributeKey.for_keyword("Whale")
MARKET_SLUG = SearchAttributeKey.for_keyword("MarketSlug")
TOKEN_ID = SearchAttributeKey.for_keyword("TokenId")
SIDE = SearchAttributeKey.for_keyword("Side")
OUTCOME = SearchAttributeKey.for_keyword("Outcome")
TRADE_STATE = SearchAttributeKey.for_keyword("TradeState")
NOTIONAL_USD = SearchAttributeKey.for_float("NotionalUsd")

SEARCH_ATTRIBUTES = {
    WHALE.name: "Keyword",
    MARKET_SLUG.name: "Keyword",
    TOKEN_ID.name: "Keyword",
    SIDE.name: "Keyword",
    OUTCOME.name: "Keyword",
    TRADE_STATE.name: "Keyword",
    NOTIONAL_USD.name: "Double",
}
"""What the server must know before a workflow starts."""

REQUEST_EXIT = "request_exit"
FILLS_CHANGED = "fills_changed"

CANCEL = "cancel"
STOP_RETRYING = "stop_retrying"
HOLD = "hold"
RELEASE = "release"
"""Updates of a trade; each takes a `Command` and returns when it is accepted."""

CLOSE = "close"
CLOSE_SHARE = "close_share"
SET_LEVELS = "set_levels"
ADOPT_FILLS = "adopt_fills"
"""Updates of a position, beside `HOLD` and `RELEASE`; each says who and why."""

BREAKERS_CHANGED = "breakers_changed"
HALT = "halt"
PULL_SWITCH = "pull_switch"
RELEASE_SWITCH = "release_switch"
OVERRIDE_BREAKER = "override_breaker"
"""Signals and updates of a wallet's guard."""


PROGRESS = "progress"
"""Query of a scoring: its tally so far."""

SCORE_SCHEDULE = "score-whales"
"""The schedule that scores every followed wallet; its workflows' ids begin with it."""


def copy_trade_id(signal_id: SignalId) -> str:
    """Return the workflow id of a signal's trade."""
    return f"copy-trade/{signal_id}"


def position_workflow_id(position_id: PositionId) -> str:
    """Return the workflow id of a position's owner."""
    return f"position/{position_id}"


def reconcile_id(wallet: Wallet) -> str:
    """Return the id of a wallet's reconciling schedule; its workflows' ids begin with it."""
    return f"reconcile/{wallet}"


def risk_guard_id(wallet: Wallet) -> str:
    """Return the workflow id of a wallet's guard."""
    return f"risk-guard/{wallet}"


def score_whales_id(wallet: Wallet | None) -> str:
    """Return the id of a scoring that a person asked for, of one wallet or of all."""
    return f"{SCORE_SCHEDULE}/{wallet or 'asked'}"
