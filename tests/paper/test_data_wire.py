import json

import pytest
from aiohttp.test_utils import make_mocked_request

from paper.data_rows import Row
from paper.data_wire import conditions, enveloped, optional_user, paged, required_user, route
from paper.query import Page, QueryError
from tests.paper.told_venue import CONDITION, KEY


def test_a_list_is_cut_into_pages() -> None:
    rows: list[Row] = [{"n": number} for number in range(5)]
    answer = paged(rows, Page(0, 2))
    assert answer["data"] == [{"n": 0}, {"n": 1}]
    assert answer["pagination"]["has_more"] is True  # type: ignore[index]
    last = paged(rows, Page(4, 2))
    assert last["data"] == [{"n": 4}]
    assert last["pagination"] == {
        "limit": 2,
        "offset": 0,
        "has_more": False,
        "next_cursor": None,
    }


def test_a_cursor_and_more_go_together() -> None:
    pagination = enveloped([], Page(0, 1), "next")["pagination"]
    assert isinstance(pagination, dict)
    assert (pagination["has_more"], pagination["next_cursor"]) == (True, "next")


def test_users_are_addresses_written_one_way() -> None:
    lower = KEY[0].lower()
    assert optional_user(make_mocked_request("GET", f"/?user={lower}")) == KEY[0]
    assert optional_user(make_mocked_request("GET", "/?user=")) is None
    with pytest.raises(QueryError, match="required"):
        required_user(make_mocked_request("GET", "/"))
    with pytest.raises(QueryError, match="address"):
        required_user(make_mocked_request("GET", "/?user=0x12"))


def test_markets_are_named_by_either_parameter() -> None:
    for name in ("condition", "condition_id"):
        request = make_mocked_request("GET", f"/?{name}={CONDITION.upper()}")
        assert conditions(request) == (CONDITION,)


async def test_a_refusal_says_why() -> None:
    def refuse(_: object) -> Row:
        raise QueryError("no")

    response = await route(refuse)(make_mocked_request("GET", "/"))
    assert (response.status, json.loads(response.text or "")) == (400, {"error": "no"})
    response = await route(lambda _: {})(make_mocked_request("GET", "/?offset=3"))
    assert response.status == 400
