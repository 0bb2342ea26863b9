"""The report page: whole, escaped, without any address, and bounded; its look is checked by eye."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from places import STUDIES

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import QueryError, StoreError
from pipeline.reporting.blocks import grid
from pipeline.reporting.cells import cell
from pipeline.reporting.choice import choose
from pipeline.reporting.page import render_report, write_report
from pipeline.results.difference import describe_difference
from pipeline.results.frames.table import Table
from pipeline.sweep.coordinator import run_study

STUDY = (
    (STUDIES / "two_forms.yaml")
    .read_text()
    .replace("firms: 3", 'firms: [north, "south & <b>sons</b>", west]')
)
# Attributes by which a page can load something, or lead somewhere.
_LINKS = {
    "src",
    "href",
    "xlink:href",
    "action",
    "data",
    "poster",
    "srcset",
    "formaction",
    "background",
    "cite",
}
_VOID = {"meta", "link", "br", "img", "hr", "input", "path", "use"}


class Page(HTMLParser):
    """A page taken apart: addresses, identifiers, elements that were left open, text by section."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.ids, self.open, self.tags, self.words = [], [], [], [], {}
        self.section = ""
        self.feed(text)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in _LINKS:
                self.addresses.append(value)
            self.addresses += re.findall(r"url\(([^)]*)\)", value or "") if name != "content" else []
            if name == "id":
                self.ids.append(value)
        if tag == "section":
            self.section = dict(attrs)["id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words[self.section] = self.words.get(self.section, "") + data


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "study.yaml").write_text(STUDY)
    run_study(load_study(folder / "study.yaml"), study_text=STUDY)
    return open_store(folder / "runs")


@pytest.fixture(scope="module")
def text(results, tmp_path_factory):
    return write_report(results, tmp_path_factory.mktemp("page") / "page.html").read_text(encoding="utf-8")


def test_the_page_is_whole(text):
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections == [
        *("summary", "models", "function", "effects", "shares", "validation"),
        *("total-sales", "parameters", "identifiability", "origin"),
    ]
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == [f"#{name}" for name in sections]


def test_nothing_is_loaded_from_elsewhere(text):
    page = Page(text)
    assert page.addresses, "the table of contents at least"
    local = {f"#{name}" for name in page.ids}
    assert [address for address in page.addresses if address not in local] == []
    assert "http" not in re.sub('http-equiv="[^"]*"', "", text.split("<summary>")[0])
    assert "@import" not in text
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")


def test_what_the_data_say_is_escaped(text):
    assert "<b>" not in text
    assert "south &amp; &lt;b&gt;sons&lt;/b&gt;" in text
    assert "south & <b>sons</b>" in Page(text).words["shares"]


def test_every_picture_says_what_it_shows(text):
    pictures = [attrs for tag, attrs in Page(text).tags if tag == "svg"]
    # Functions, effects, shares, residuals, errors and horizons, where shares came, coverage, estimates.
    assert len(pictures) == 3 + 3 + 3 + 3 + 2 + 1 + 1 + 1
    for attrs in pictures:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"]) > 20
        assert attrs["viewbox"]
    assert len({attrs["aria-label"] for attrs in pictures}) == len(pictures)


def test_colours_follow_the_style_of_the_page(text):
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--accent)" in drawn
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", drawn)) == set()
    named = set(re.findall(r"var\((--\w+)\)", text))
    light, dark = re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL)
    for name in named:
        assert f"{name}:" in light
        assert f"{name}:" in dark


def test_the_findings_are_those_of_the_summary(results, text):
    words, summary = Page(text).words, results.summary()
    best = summary.comparison["model"][0]
    assert f"{best} has the smallest error" in " ".join(words["summary"].split())
    assert "investment-linear, the best by AIC of 2 models in all 6 markets" in words["summary"]
    for row in summary.comparison.rows():
        assert row[3] in words["validation"]
        assert cell(row[5]) in words["validation"]
    assert "more than chance" in words["validation"]
    assert "The data determine every free parameter" in words["summary"]


def test_few_markets_of_many_are_drawn_from_the_best_to_the_worst(results):
    summary = results.summary()
    error = results.fits("investment-linear").rmse.isel(window=0).values
    labels = results.tables.labels("market")[np.argsort(error, kind="stable")].tolist()
    shown = choose(results, summary, markets=None, model=None, limit=3)
    assert [market for market, _ in shown.markets] == [labels[0], labels[2], labels[5]]
    assert [why for _, why in shown.markets] == ["fits best", "typical", "fits worst"]
    assert len(choose(results, summary, markets=None, model=None, limit=99).markets) == 6
    named = choose(results, summary, markets=["2"], model="proportional-linear", limit=3)
    assert (named.model, [market for market, _ in named.markets]) == ("proportional-linear", [2])


def test_the_page_says_how_many_markets_it_shows(results, text):
    assert "Shown are 3 of 6 markets" in text
    assert "Shown are" not in render_report(results, limit=6)


def test_a_store_without_forecasts_studies_or_determined_parameters(filled, tmp_path):
    words = Page(render_report(open_store(filled.path))).words
    assert "does not hold its study" in words["function"]
    assert "the data say nothing about discount (in all 7 fits" in " ".join(words["identifiability"].split())
    assert "1 fit failed" not in words["summary"]
    assert "2 fits failed" in words["summary"]
    assert "Florida's Natural" in words["shares"]


def test_an_unfinished_sweep_has_a_page(tiny):
    words = Page(render_report(open_store(tiny.path))).words
    assert "not finished" in words["summary"]
    assert "No model has a usable fit yet." in words["summary"]


def test_vintages_bring_a_section_on_drift(results, monkeypatch):
    names = ("market", "model", "param", "since", "old", "new", "change", "exceeded", "forecast_rmse")
    names += ("best_before", "best_now", "best_changed", "drifted")
    model, day = "investment-linear", "2024-09-30"
    rest = ("a", "a", False)
    moved = Table.from_rows(
        names,
        [
            (1, model, "place", day, 0.5, 0.6, 0.7, False, 0.01, *rest, False),
            (2, model, "place", day, 0.5, 0.1, -4.2, True, 0.02, "a", "b", True, True),
            (3, model, "place", day, float("nan"), 0.1, float("nan"), False, 0.03, *rest, False),
            (3, "proportional-linear", "place", day, 9.25, 9.5, 0.1, False, 0.03, *rest, False),
        ],
    )
    monkeypatch.setattr("pipeline.reporting.sections.drift.drift_table", lambda _: moved)
    words = " ".join(Page(render_report(results, limit=1)).words["drift"].split())
    assert "Since the vintage of 2024-09-30, 1 of 3 markets drifted" in words
    assert "9.25" not in words, "another model"
    assert words.index("-4.2") < words.index("0.7"), "what moved most comes first"
    assert "0.02" in words


@pytest.mark.parametrize(
    ("name", "conditions", "error", "says"),
    [
        ("x.pdf", {}, QueryError, "ends in .html"),
        ("x.html", {"markets": [99]}, QueryError, "no market 99"),
        ("x.html", {"model": "nothing"}, QueryError, "No model matches"),
        ("x.html", {"model": "*linear"}, QueryError, "shows one model"),
        ("no/x.html", {}, StoreError, "could not be written"),
    ],
)
def test_what_cannot_be_written_is_said(results, tmp_path, name, conditions, error, says):
    with pytest.raises(error, match=says):
        write_report(results, tmp_path / name, **conditions)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ((-0.01, 0.09, 0.01), "10.0% smaller than last, more than chance"),
        ((0.05, 0.15, 0.4), "50.0% larger than last, may be chance"),
        ((-0.01, 0.09, np.nan), "10.0% smaller than last"),
        ((0.0, 0.1, np.nan), "the reference"),
    ],
)
def test_verdicts(numbers, says):
    assert describe_difference(*numbers, "last") == says


def test_cells_and_long_tables():
    values = (0.123456, 20493.2, 3.008e8, float("inf"), float("nan"), None, 7, "a", True)
    assert [cell(value) for value in values] == [
        *("0.1235", "20,493", "3.008e+08", "∞", "–"),
        *("–", "7", "a", "yes"),
    ]
    table = Table({"market": np.arange(5), "error": np.full(5, 0.1), "low": np.full(5, np.nan)})
    (found,) = grid("Errors", table, rows=3, all_of_them="`beed query`")
    assert found.headings == ("market", "error"), "what is known of none is left out"
    assert (len(found.rows), found.more) == (3, "… and 2 more rows: `beed query`.")
    assert grid("Errors", table.take(slice(0))) == ()
