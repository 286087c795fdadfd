"""What some rules of a plan do once, at the moment the plan is put in force."""

from collections.abc import Callable

from eth_utils.address import is_address

from paper.derive import account_name
from paper.faults import Fault, FaultPlan, Faults, Point
from paper.ledger import CASH, DRAINED, Leg
from paper.model import OrderRefusedError
from paper.notation import decimal_text
from paper.rules import AMOUNT_DECIMALS
from paper.settlement import Floor
from paper.tick_changes import change_tick_size, tick_size_of

BLOCKED_PLACE = "US"
NO_FUNDS = "not enough balance / allowance"

Deed = Callable[[], None]
Action = Callable[[Floor, Fault, int], Deed]


class ActionError(Exception):
    """A rule asks for what cannot be done here; the message says what was expected."""


def put_in_force(floor: Floor, plan: FaultPlan, now: int) -> None:
    """Replace the plan and do at once what it asks to be done at once.

    Raises:
        ActionError: Nothing was changed; the plan asks for something impossible.
    """
    deeds = {
        number: ACTIONS[rule.at, rule.fault](floor, rule, now)
        for number, rule in enumerate(plan.rules)
        if (rule.at, rule.fault) in ACTIONS
    }
    floor.faults.replace(plan)
    for number, deed in deeds.items():
        deed()
        floor.faults.strike(number)


def drain(floor: Floor, rule: Fault, _now: int) -> Deed:
    """Move a share of what a wallet has and its open orders do not need to an account of ours."""
    wallet = account_name(rule.text)
    is_clients = is_address(wallet) and not floor.crowd.is_invented(wallet)
    if not is_clients or not floor.ledger.knows(wallet):
        raise ActionError(f"expected the wallet of a client in text, got {rule.text!r}")

    def move() -> None:
        held = floor.ledger.balance(wallet, CASH)
        free = max(0, held - floor.orders.reserved(wallet, CASH))
        floor.ledger.move(Leg(wallet, DRAINED, CASH, int(free * rule.size_share)))

    return move


def change_tick(floor: Floor, rule: Fault, now: int) -> Deed:
    """Give the market of the token in `match` the tick size in `text`."""
    token_id = rule.match.get("token_id", "")
    listing = floor.registry.of_token(token_id)
    if listing is None:
        raise ActionError(f"expected a known token_id in match, got {token_id!r}")
    if tick_size_of(rule.text) is None:
        sizes = ", ".join(decimal_text(size) for size in AMOUNT_DECIMALS)
        raise ActionError(f"expected a tick size in text, one of {sizes}, got {rule.text!r}")
    return lambda: change_tick_size(floor, listing, rule, now)


def lacks_allowance(faults: Faults, wallet: str) -> bool:
    """Tell whether the plan in force has taken a wallet's allowances away."""
    return _allowance_rule(faults, wallet) is not None


def blocked_place(faults: Faults) -> str:
    """Return the country that the plan in force says we are blocked in, or nothing."""
    number = _standing_rule(faults, "geoblocked")
    if number is None:
        return ""
    faults.strike(number)
    return faults.plan.rules[number].text or BLOCKED_PLACE


def is_closed_only(faults: Faults, wallet: str) -> bool:
    """Tell whether the plan in force lets a wallet only close positions."""
    number = _standing_rule(faults, "closed_only", wallet)
    if number is not None:
        faults.strike(number)
    return number is not None


def check_allowance(faults: Faults, wallet: str) -> None:
    """Refuse an order of a wallet whose allowances the plan in force has taken away."""
    number = _allowance_rule(faults, wallet)
    if number is not None:
        faults.strike(number)
        raise OrderRefusedError(400, NO_FUNDS)


def _allowance_rule(faults: Faults, wallet: str) -> int | None:
    return _standing_rule(faults, "no_allowance", wallet)


def _standing_rule(faults: Faults, fault: str, wallet: str | None = None) -> int | None:
    if not faults.concern(Point.ACCOUNT):
        return None
    for number, rule in enumerate(faults.plan.rules):
        is_meant = wallet is None or rule.text in ("", wallet) or account_name(rule.text) == wallet
        if (rule.at, rule.fault) == (Point.ACCOUNT, fault) and is_meant:
            return number
    return None


ACTIONS: dict[tuple[Point, str], Action] = {
    (Point.ACCOUNT, "drain"): drain,
    (Point.MARKET_STREAM, "tick_change"): change_tick,
}
