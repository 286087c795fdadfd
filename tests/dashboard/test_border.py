import asyncio

import pytest

from dashboard.border import host_name, served_hosts
from tests.dashboard.desk import a_desk
from tests.dashboard.fake_records import FakeRecords


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil", "[::2]"])
async def test_a_host_name_that_is_not_ours_is_refused(host: str) -> None:
    async with a_desk() as desk:
        answer = await desk.ask("/api/status", Host=host)
        assert answer.status == 403
        assert answer.json["error"] == "forbidden"
        assert "evil" not in answer.body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:8080"])
async def test_loopback_is_served_under_all_its_names(host: str) -> None:
    async with a_desk() as desk:
        assert (await desk.ask("/healthz", Host=host)).status == 200


def test_the_address_we_are_bound_to_is_served_but_a_wildcard_names_nobody() -> None:
    assert "10.0.0.5" in served_hosts("10.0.0.5")
    assert "0.0.0.0" not in served_hosts("0.0.0.0")


@pytest.mark.parametrize(
    ("host", "name"), [("[::1]:80", "::1"), ("[broken", ""), ("A.b:1", "a.b"), ("", "")]
)
def test_a_host_is_read_without_port_and_brackets(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("path", ["/api/status", "/events", "/static/page.js"])
async def test_other_sites_pages_get_nothing(path: str) -> None:
    async with a_desk() as desk:
        asked = await desk.ask(path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        assert asked.status == 403
        other_port = await desk.ask(path, Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors")
        assert other_port.status == 403
        posted = await desk.ask(path, Origin="http://evil.example")
        assert posted.status == 403


async def test_following_a_link_to_us_is_welcome() -> None:
    async with a_desk() as desk:
        followed = await desk.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        assert followed.status == 200
        ours = await desk.ask("/api/status", Origin=desk.url, Sec_Fetch_Site="same-origin")
        assert ours.status == 200


@pytest.mark.parametrize("path", ["/", "/api/status", "/nowhere", "/static/page.css", "/metrics"])
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    async with a_desk() as desk:
        headers = (await desk.ask(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Server"] == "whalecopy"
        assert "Access-Control-Allow-Origin" not in headers


async def test_errors_are_json() -> None:
    async with a_desk() as desk:
        missing = await desk.ask("/nowhere")
        assert (missing.status, missing.json["error"]) == (404, "not_found")
        posted = await desk.ask("/api/trades", "POST")
        assert (posted.status, posted.json["error"]) == (405, "method_not_allowed")
        assert posted.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/api/status", "/api/signals/x", "/events"])
async def test_nothing_can_be_changed(method: str, path: str) -> None:
    async with a_desk() as desk:
        assert (await desk.ask(path, method)).status == 405


async def test_a_body_beyond_any_need_is_refused() -> None:
    async with a_desk() as desk:
        answer = await desk.ask("/api/status", data=b"x" * 2000)
        assert (answer.status, answer.json["error"]) == (413, "request_entity_too_large")


@pytest.mark.parametrize(
    "path", ["/static/../__main__.py", "/static/..%2f__main__.py", "/static/%2e%2e/board.py"]
)
async def test_no_path_leaves_the_static_files(path: str) -> None:
    async with a_desk() as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(desk.url.rsplit(":", 1)[1]))
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b" 404 " in answer.splitlines()[0]
        assert b"import" not in answer


async def test_a_silent_database_is_told_without_details() -> None:
    async with a_desk(FakeRecords(is_down=True)) as desk:
        answer = await desk.ask("/api/positions")
        assert answer.status == 503
        assert answer.json["message"] == "the database does not answer"


@pytest.mark.parametrize("records", [FakeRecords(is_broken=True), FakeRecords(is_refused=True)])
async def test_a_fault_of_ours_is_told_without_details(records: FakeRecords) -> None:
    async with a_desk(records) as desk:
        answer = await desk.ask("/api/positions")
        assert answer.status == 500
        assert "MYSTERY" not in answer.body
        assert answer.json["error"] == "internal_server_error"
