from exchange.redeem_port import RedeemState


def test_only_what_is_pending_may_still_do_something() -> None:
    assert [state for state in RedeemState if not state.is_final] == [RedeemState.PENDING]
