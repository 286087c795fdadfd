"""The page is one file that needs nothing and trusts no name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from backtest.figures import figure
from backtest.page import as_page
from backtest.plan import Plan
from backtest.replay import replay
from tests.backtest.past import OTHER, START, WHALE, a_story
from tests.backtest.test_figures import a_replayed, an_outcome

PLAN = Plan(resamples=100)
VOID = {"meta", "br", "rect", "line", "path", "polyline", "polygon"}


class Nesting(HTMLParser):
    """Checks that every element that opens closes in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def a_page() -> str:
    return as_page(figure(replay(a_story(), PLAN), PLAN))


def test_the_page_is_well_formed_and_has_no_script_and_no_link() -> None:
    page, nesting = a_page(), Nesting()
    nesting.feed(page)
    assert nesting.open == []
    assert "script" not in nesting.seen
    assert not re.search(r"(src|href)=|url\(|@import|http", page)
    assert page.startswith("<!doctype html>")


def test_it_has_the_curves_the_bars_and_the_verdict() -> None:
    page = a_page()
    assert page.count("<svg") == 3
    for part in (
        "Equity",
        "Drawdown",
        "P&amp;L of copying each whale",
        "No evidence",
        "2026-03-02",
    ):
        assert part in page


def test_it_follows_the_readers_colours_and_fits_a_phone() -> None:
    page = a_page()
    assert "prefers-color-scheme:dark" in page
    assert "width=device-width" in page


def test_names_are_text_and_never_markup() -> None:
    story = a_story()
    story.names = {WHALE: "<script>alert(1)</script>", OTHER: "a&b"}
    story.notes = ("<img src=x>",)
    page = as_page(figure(replay(story, PLAN), PLAN))
    assert "<script" not in page
    assert "<img" not in page
    assert "a&amp;b" in page


def test_nothing_copied_is_a_page_too() -> None:
    page = as_page(figure(a_replayed(), PLAN))
    assert "Nothing was copied." in page
    assert page.count("<svg") == 2


def test_a_past_of_one_instant_is_a_page_too() -> None:
    found = replace(a_replayed(an_outcome("5")), begins_at=START, ends_at=START)
    assert "<svg" in as_page(figure(found, PLAN))


def test_the_same_gives_the_same_page() -> None:
    assert a_page() == a_page()
