"""Whether a redemption may be signed: it turns our resolved shares into our cash, and no more."""

from datetime import datetime, timedelta

from exchange.polymarket.redeem_calls import is_redemption
from exchange.redeem_port import RedeemRequest
from exchange.sign_port import SignRefusal
from signer.facts import RedemptionFacts
from signer.policy import SignerAccount
from trading.pretrade import Control
from trading.types import SignatureType

DEADLINE_MAX = timedelta(minutes=15)
GAS_MAX = 5_000_000
GAS_PRICE_MAX = 10_000 * 10**9  # wei: 10,000 gwei, of a chain where hundreds are usual
CALLS_MAX = 4


def refuse_redemption(
    facts: RedemptionFacts, request: RedeemRequest, account: SignerAccount, now: datetime
) -> SignRefusal | None:
    """Return why this redemption is not signed, or nothing."""
    ours = (account.funder, account.signature_type, facts.condition_id)
    theirs = (request.wallet, request.signature_type, request.condition_id)
    if facts.wallet != account.funder or ours != theirs:
        return SignRefusal(Control.NOT_OURS, f"{request.wallet}", account.funder)
    if not 0 < len(request.calls) <= CALLS_MAX:
        return SignRefusal(Control.REDEMPTION, f"{len(request.calls)} calls", f"1 to {CALLS_MAX}")
    for call in request.calls:
        if not is_redemption(call, request.condition_id):
            return SignRefusal(Control.REDEMPTION, call.target, f"redeems {request.condition_id}")
    if request.gas_limit > GAS_MAX or request.gas_price > GAS_PRICE_MAX:
        gas = f"{request.gas_limit} at {request.gas_price}"
        return SignRefusal(Control.REDEMPTION, gas, f"{GAS_MAX} at {GAS_PRICE_MAX}")
    is_batch = request.signature_type is SignatureType.POLY_1271
    latest = int((now + DEADLINE_MAX).timestamp())
    if is_batch and not 0 < request.deadline_s <= latest:
        return SignRefusal(Control.REDEMPTION, f"deadline {request.deadline_s}", f"{latest}")
    return None
