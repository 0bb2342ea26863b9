"""Pages in a real browser: updates without loading anew, the keyboard, 400 pixels, night, nothing foreign."""

import threading

import pytest
from chromium import browser, served

from pipeline.explore.explorer import Explorer
from pipeline.explore.routes import ROUTES
from pipeline.reporting.blocks import Text

_NAVIGATION = [route.path for route in ROUTES if route.name]
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


def visit(chromium, address, explorer, **options):
    """Enter with the link; gives the page, and what it asked for and complained of."""
    context = chromium.new_context(**options)
    context.set_default_timeout(20_000)
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/?token={explorer.token}")
    return page, asked, said


def test_a_page_follows_a_sweep_without_being_loaded_anew(chromium, tiny, monkeypatch):
    monkeypatch.setattr("pipeline.explore.pages.overview._PROGRESS_EVERY", 0.2)
    monkeypatch.setattr("pipeline.explore.pages.overview._FINDINGS_EVERY", 0.3)
    explorer = Explorer(tiny.store)
    with served(explorer) as address:
        page, asked, said = visit(chromium, address, explorer)
        page.evaluate("window.loaded = 'once'")
        page.get_by_text("0 of 28 fits done").wait_for()
        page.get_by_text("No fit has a usable result yet.").wait_for()
        tiny.fill(("investment-mnl",))
        page.get_by_text("14 of 28 fits done").wait_for()
        page.get_by_text("By model").click()
        tiny.fill(("scaled-hill", "last"))
        page.get_by_text("28 of 28 fits done").wait_for()
        page.get_by_text("Use investment-mnl").wait_for()
        # What a reader has opened stays open, and the keyboard is where it was.
        assert page.evaluate("document.activeElement.textContent") == "By model"
        assert page.get_by_role("region", name="Fits done by model").is_visible()
        assert page.evaluate("window.loaded") == "once"
        tiny.sweep.set_state("done")
        page.get_by_text("the sweep is done").wait_for()
        count = len(asked)
        page.wait_for_timeout(700)
        assert len(asked) <= count + 1
        assert said == []
        assert all(url.startswith((address, "data:")) for url in asked)
        assert "token" not in page.url
        page.context.close()


def test_progress_goes_on_while_findings_are_being_made(chromium, tiny, monkeypatch):
    monkeypatch.setattr("pipeline.explore.pages.overview._PROGRESS_EVERY", 0.1)
    done = threading.Event()

    def findings(visit):
        done.wait(30.0)
        yield Text("At last.")

    monkeypatch.setattr("pipeline.explore.pages.overview.findings_blocks", findings)
    explorer = Explorer(tiny.store)
    with served(explorer) as address:
        page = chromium.new_page()
        page.goto(f"{address}/?token={explorer.token}", wait_until="commit")
        page.get_by_text("0 of 28 fits done").wait_for()
        tiny.fill(("investment-mnl",))
        page.get_by_text("14 of 28 fits done").wait_for()
        assert page.get_by_text("At last.").count() == 0
        done.set()
        page.get_by_text("At last.").wait_for()
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_400_pixels_by_day_and_by_night(chromium, kept, scheme):
    explorer = Explorer(kept.store)
    with served(explorer) as address:
        narrow = {"viewport": {"width": 400, "height": 800}, "color_scheme": scheme}
        page, asked, said = visit(chromium, address, explorer, **narrow)
        for path in _NAVIGATION if scheme == "light" else ["/"]:
            page.goto(address + path)
            assert page.evaluate(_OVERFLOW) == 0, path
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (max(map(int, colour[4:-1].split(","))) < 60) == (scheme == "dark")
        assert said == []
        assert all(url.startswith((address, "data:")) for url in asked)
        page.context.close()


def test_the_keyboard_alone_finds_a_market_and_asks_in_sql(chromium, kept):
    explorer = Explorer(kept.store)
    with served(explorer) as address:
        page, _, _ = visit(chromium, address, explorer, java_script_enabled=False)
        page.goto(f"{address}/markets")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/markets#content")
        page.keyboard.press("Tab")
        page.keyboard.type("21")
        page.keyboard.press("Enter")
        page.get_by_text("1 of 7 markets").wait_for()
        assert page.get_by_role("rowheader", name="21").count() == 1
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="SQL").focus()
        page.keyboard.press("Enter")
        page.get_by_label("One SELECT").fill("select count(*) fits from fits")
        page.get_by_role("button", name="Ask").press("Enter")
        page.get_by_role("cell", name="28").wait_for()
        # The address holds the question.
        assert "sql=select+count" in page.url
        page.context.close()
