"""Tests of the errors of the embedded stack."""

import inspect

from embedded import errors
from embedded.errors import EmbeddedError


def test_one_word_catches_every_error_and_the_tree_names_them_all() -> None:
    classes = [found for _, found in inspect.getmembers(errors, inspect.isclass)]
    assert len(classes) == 6
    for error in classes:
        assert issubclass(error, EmbeddedError)
        assert error.__name__ in (errors.__doc__ or "")
