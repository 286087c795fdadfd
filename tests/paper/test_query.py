import pytest
from aiohttp.test_utils import make_mocked_request

from paper.query import (
    Page,
    QueryError,
    boolean,
    choice,
    cursor_at,
    decimal_micros,
    integer,
    listed,
    next_cursor,
    page,
    values,
)


def test_numbers_are_read_strictly() -> None:
    request = make_mocked_request("GET", "/?a=7&b=-1&c=1e5&d=%D9%A1&e=9999999999999999&f=1.5&g=.5")
    assert integer(request, "a", 1) == 7
    assert integer(request, "missing", 1) == 1
    assert decimal_micros(request, "f") == 1_500_000
    assert decimal_micros(request, "missing") is None
    for name in "bcde":
        with pytest.raises(QueryError, match=name):
            integer(request, name, 1)
    for name in "bcg":
        with pytest.raises(QueryError, match=name):
            decimal_micros(request, name)


def test_words_are_read_strictly() -> None:
    request = make_mocked_request("GET", "/?a=TRUE&b=false&c=1&d=ASC")
    assert boolean(request, "a", default=None) is True
    assert boolean(request, "b", default=None) is False
    assert boolean(request, "missing", default=None) is None
    assert choice(request, "d", ("ASC", "DESC"), "DESC") == "ASC"
    with pytest.raises(QueryError, match="c must be true or false"):
        boolean(request, "c", default=None)
    with pytest.raises(QueryError, match="a must be one of"):
        choice(request, "a", ("ASC",), "ASC")


def test_lists_are_repeated_or_separated_by_commas() -> None:
    request = make_mocked_request("GET", "/?a=X&a=y&b=1,2&b=2,%203")
    assert values(request, "a") == ("x", "y")
    assert listed(request, ("b", "a"), 9) == ("1", "2", "3", "x", "y")
    with pytest.raises(QueryError, match="at most 2"):
        listed(request, ("b",), 2)


def test_a_cursor_leads_to_the_following_page() -> None:
    wanted = page(make_mocked_request("GET", "/?limit=2"), "cursor", default=5, at_most=10)
    assert wanted == Page(0, 2)
    cursor = next_cursor(wanted, 3)
    assert cursor == cursor_at(2)
    request = make_mocked_request("GET", f"/?cursor={cursor}")
    following = page(request, "cursor", default=5, at_most=10)
    assert following == Page(2, 5)
    assert next_cursor(following, 7) is None


@pytest.mark.parametrize("cursor", ["%21", "AAAA", "ZnJvbTp4", "//79", "ZnJvbToxMjM0NTY3ODkwMTIz"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    request = make_mocked_request("GET", f"/?cursor={cursor}")
    with pytest.raises(QueryError, match="not a cursor"):
        page(request, "cursor", default=5, at_most=10)
