"""Tests of the double-entry ledger."""

import pytest

from paper.ledger import BANK, CASH, FEES, IN_FLIGHT, MINT, Ledger, LedgerError, Leg


def a_ledger() -> Ledger:
    ledger = Ledger()
    ledger.move(Leg(BANK, "anna", CASH, 100))
    list(ledger.take_changes())
    return ledger


def test_what_one_account_gets_another_gives() -> None:
    assert a_ledger().accounts() == {BANK: (-100, {}), "anna": (100, {})}


@pytest.mark.parametrize("size", [101, -1])
def test_nobody_gives_what_it_does_not_hold(size: int) -> None:
    ledger = a_ledger()
    with pytest.raises(LedgerError, match="anna holds 100 micros of pUSD"):
        ledger.move(Leg("anna", "bert", CASH, size))
    assert ledger.balance("anna", CASH) == 100
    assert not ledger.knows("bert")


def test_assets_in_flight_belong_to_nobody_yet() -> None:
    ledger = a_ledger()
    legs = [Leg("anna", "bert", CASH, 60), Leg("anna", FEES, CASH, 1)]
    ledger.depart(legs)
    assert (ledger.balance("anna", CASH), ledger.balance(IN_FLIGHT, CASH)) == (39, 61)
    assert ledger.balance("bert", CASH) == 0
    ledger.arrive(legs)
    assert (ledger.balance("bert", CASH), ledger.balance(FEES, CASH)) == (60, 1)
    assert ledger.balance(IN_FLIGHT, CASH) == 0


def test_what_fails_in_flight_turns_back() -> None:
    ledger = a_ledger()
    legs = [Leg("anna", "bert", CASH, 60)]
    ledger.depart(legs)
    ledger.turn_back(legs)
    assert ledger.balance("anna", CASH) == 100


def test_what_has_arrived_can_be_recalled_and_turned_back() -> None:
    ledger = a_ledger()
    legs = [Leg("anna", "bert", CASH, 30)]
    ledger.depart(legs)
    ledger.arrive(legs)
    ledger.recall(legs)
    assert (ledger.balance("bert", CASH), ledger.balance(IN_FLIGHT, CASH)) == (0, 30)
    ledger.turn_back(legs)
    assert ledger.balance("anna", CASH) == 100


def test_made_up_wallets_are_provided_with_cash() -> None:
    ledger = a_ledger()
    ledger.provide("anna", ("yes", "no"), Leg("anna", "bert", CASH, 150))
    assert ledger.balance("anna", CASH) == 150
    ledger.provide("anna", ("yes", "no"), Leg("anna", "bert", CASH, 150))
    assert ledger.balance("anna", CASH) == 150


def test_made_up_wallets_are_provided_with_sets_of_tokens_that_are_paid_for() -> None:
    ledger = a_ledger()
    ledger.provide("anna", ("yes", "no"), Leg("anna", "bert", "no", 7))
    assert (ledger.balance("anna", "yes"), ledger.balance("anna", "no")) == (7, 7)
    assert ledger.accounts()[MINT] == (7, {"yes": -7, "no": -7})
    assert ledger.holders("yes") == [("anna", 7)]


def test_changes_are_given_once_and_load_back() -> None:
    ledger = a_ledger()
    assert not ledger.has_changes
    ledger.move(Leg("anna", "bert", CASH, 1))
    assert ledger.has_changes
    rows = sorted(ledger.take_changes())
    assert rows == [("anna", CASH, 99), ("bert", CASH, 1)]
    assert list(ledger.take_changes()) == []
    again = Ledger()
    again.load(rows)
    assert again.balance("anna", CASH) == 99
