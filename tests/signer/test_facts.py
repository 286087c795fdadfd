"""What is read of the records is plain data."""

import pytest

from exchange.port import ExchangeError
from signer.facts import RecordsUnavailableError
from tests.signer.orders import entry


def test_facts_cannot_be_changed_once_they_are_read() -> None:
    with pytest.raises(AttributeError):
        entry().copies = 1  # type: ignore[misc]


def test_records_that_cannot_be_read_are_a_hiccup_of_their_own() -> None:
    assert issubclass(RecordsUnavailableError, ExchangeError)
