import re
from pathlib import Path

import pytest

import dashboard
from dashboard.page import FILES
from tests.dashboard.desk import a_desk

STATIC = Path(dashboard.__path__[0]) / "static"


async def test_the_shell_says_what_is_known_at_the_start() -> None:
    async with a_desk(mode="<live>") as desk:
        answer = await desk.ask("/")
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "&lt;live&gt;" in answer.body
        assert "<live>" not in answer.body
        assert "$" not in answer.body


async def test_the_shell_obeys_its_own_policy() -> None:
    async with a_desk() as desk:
        body = (await desk.ask("/")).body
        assert "<style" not in body
        assert " style=" not in body
        assert not re.search(r"\son\w+=", body)
        assert re.findall(r"<script[^>]*>([^<]*)", body) == ["", ""]
        assert "http://" not in body
        assert "https://" not in body


@pytest.mark.parametrize("name", sorted(FILES))
async def test_the_files_of_the_page_are_served(name: str) -> None:
    async with a_desk() as desk:
        answer = await desk.ask(f"/static/{name}")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(FILES[name])


async def test_browsers_find_an_icon() -> None:
    async with a_desk() as desk:
        answer = await desk.ask("/favicon.ico")
        assert answer.headers["Content-Type"].startswith("image/svg+xml")


async def test_other_files_are_not_served() -> None:
    async with a_desk() as desk:
        assert (await desk.ask("/static/page.html")).status == 404
        assert (await desk.ask("/static/nothing.js")).status == 404


def test_every_file_is_served_and_every_import_is_there() -> None:
    assert {path.name for path in STATIC.iterdir()} == {*FILES, "page.html"}
    for path in STATIC.glob("*.js"):
        for name in re.findall(r'from "/static/([^"]+)"', path.read_text()):
            assert name in FILES, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_the_scripts_never_read_text_as_markup(path: Path) -> None:
    text = path.read_text()
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "srcdoc",
    ):
        assert way not in text
