"""Pages: whole, accessible, escaped, of one state of the store, the upper part first."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pipeline.explore.rendering import pieces, to_json
from pipeline.explore.reply import Page
from pipeline.explore.routes import ROUTES

_VOID = {"meta", "link", "br", "hr", "input", "path", "use", "img"}
_NAVIGATION = [route.path for route in ROUTES if route.name]


class Read(HTMLParser):
    """A page taken apart: elements, identifiers, what was left open, controls without a name."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.open, self.unnamed, self.labels = [], [], [], [], set()
        self.feed(text)
        self.unnamed = [name for name in self.unnamed if name not in self.labels]

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "label" and "for" in attrs:
            self.labels.add(attrs["for"])
        if tag in ("input", "select", "textarea") and attrs.get("type") != "hidden":
            named = "label" in self.open and "for" not in dict(self.tags)["label"]
            if not named and "aria-label" not in attrs:
                self.unnamed.append(attrs.get("id", str(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.mark.parametrize("path", _NAVIGATION)
def test_pages_are_whole_and_can_be_heard(visitor, kept, path):
    answer = visitor(kept.store).get(path)
    assert answer.status_code == 200
    page = Read(answer.text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert [len(page.of(tag)) for tag in ("main", "header", "footer", "h1", "title")] == [1] * 5
    assert page.of("html") == [{"lang": "en"}]
    assert page.of("a")[0] == {"class": "skip", "href": "#content"}
    assert page.unnamed == []
    assert all("scope" in attrs for attrs in page.of("th"))
    scrolled = [attrs for attrs in page.of("div") if "tabindex" in attrs]
    assert all(attrs["role"] == "region" and attrs["aria-label"] for attrs in scrolled)
    (here,) = [attrs for attrs in page.of("a") if attrs.get("aria-current") == "page"]
    assert here["href"] == path
    # Nothing runs, or is fetched, but what is served here.
    assert all(attrs.get("src") for attrs in page.of("script"))
    assert not re.search(r'(src|href|action)="(https?:)?//', answer.text)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_a_page_says_how_far_the_sweep_is_and_what_was_found(visitor, kept):
    page = visitor(kept.store).get("/").text
    assert "28 of 28 fits done (100%), 26 with a result; the sweep is done." in page
    assert "2 fits: The response or the residual was not finite" in page
    assert "data-live" not in page
    assert "Use <code>investment-mnl</code>" in page


def test_parts_are_asked_for_again_until_the_sweep_is_done(visitor, tiny):
    client = visitor(tiny.store)
    page = client.get("/").text
    assert "0 of 28 fits done" in page
    assert "No fit has a usable result yet." in page
    before = client.get("/live/findings")
    assert float(before.headers["beed-again"]) > 0
    same = client.get("/live/findings", params={"of": before.headers["beed-of"]})
    assert (same.status_code, same.content) == (204, b"")
    tiny.fill()
    assert "28 of 28 fits done" in client.get("/live/progress").text
    fresh = client.get("/live/findings", params={"of": before.headers["beed-of"]})
    assert fresh.status_code == 200
    assert "Use <code>investment-mnl</code>" in fresh.text
    tiny.sweep.set_state("done")
    assert client.get("/live/progress").headers["beed-again"] == "0"


def test_a_link_to_a_state_shows_that_state_for_ever(visitor, tiny):
    client = visitor(tiny.store)
    link = re.search(r'href="([^"]*snapshot=[^"]*)"', client.get("/").text)[1]
    tiny.fill()
    assert "0 of 28 fits done" in client.get(link).text
    assert "28 of 28 fits done" in client.get("/").text
    markets = re.search(r'href="(/markets\?[^"]*)"', client.get(link).text)[1]
    assert client.get(markets).text.count("<td>pending</td>") == 7


def test_what_cannot_be_answered_is_said_in_a_sentence(visitor, kept):
    client = visitor(kept.store)
    unknown = client.get("/?sweep=nowhere")
    assert unknown.status_code == 404
    assert "has no sweep nowhere; its sweeps are: tiny-study-" in unknown.text
    assert client.get("/models?model=%3Cb%3E").status_code == 400
    assert "There is no page /nowhere." in client.get("/nowhere").text
    assert "&lt;b&gt;" in client.get("/models?model=%3Cb%3E").text
    assert "at_least" not in client.get("/markets?low=x").text
    assert "Got &#39;x&#39; in the field low; expected a number." in client.get("/markets?low=x").text


def test_an_empty_store_waits_for_a_sweep(visitor, tmp_path, make_tiny):
    from pipeline.store.store import Store

    client = visitor(Store.open_or_create(tmp_path / "store"))
    assert "holds no sweep yet" in client.get("/").text
    assert client.get("/live/begun").status_code == 204
    make_tiny()
    assert "A sweep has begun." in client.get("/live/begun").text


def test_the_upper_part_of_a_page_is_sent_before_the_lower_one_is_made(explored, kept):
    explorer = explored(kept.store).explorer
    from pipeline.explore.visit import Visit

    made = []

    def sections():
        made.append(True)
        return ()

    visit = Visit(explorer, explorer.view(), "/models", {})
    sent = pieces(Page("models.html", "Models", {"models": (), "sections": sections}), visit)
    assert b"<h1>Models</h1>" in next(sent)
    assert made == []
    assert b"</html>" in b"".join(sent)
    assert made == [True]


def test_numbers_that_json_does_not_know_are_null():
    assert to_json({"a": [1.5, np.inf, float("nan")]}) == b'{"a": [1.5, null, null]}'
