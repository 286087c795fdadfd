"""Redemptions as text, the way the records keep them and the signer reads them."""

import json
from dataclasses import asdict

from exchange.redeem_port import ChainCall, RedeemRequest
from trading.types import ConditionId, SignatureType, Wallet


def write_request(request: RedeemRequest) -> str:
    """Write a request as the records keep it."""
    return json.dumps(asdict(request), separators=(",", ":"))


def read_request(text: str) -> RedeemRequest:
    """Read a request that was kept; raise ValueError when it is none."""
    try:
        kept = json.loads(text)
        return RedeemRequest(
            wallet=Wallet(kept["wallet"]),
            condition_id=ConditionId(kept["condition_id"]),
            signature_type=SignatureType(kept["signature_type"]),
            nonce=int(kept["nonce"]),
            calls=tuple(
                ChainCall(str(call["target"]), str(call["data"])) for call in kept["calls"]
            ),
            deadline_s=int(kept["deadline_s"]),
            gas_limit=int(kept["gas_limit"]),
            gas_price=int(kept["gas_price"]),
            relay=str(kept["relay"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("expected a redemption as it was committed") from error
