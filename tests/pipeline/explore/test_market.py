"""The page of one market: its what-if is the forecast of `beed forecast`, and a link says what is set."""

import re
import time
from html import unescape

import numpy as np
import pytest
import yaml
from chromium import browser, served
from plain_market import plain_market
from priced_market import priced_market
from shops import run_shops

from pipeline.explore.explorer import Explorer
from pipeline.explore.market.answer import answer
from pipeline.explore.market.drawing import HEIGHT, WIDTH, Line, draw_course
from pipeline.explore.market.levers import levers_of, read_state, unit_of, write_state
from pipeline.explore.market.what_if import WhatIf, scenario_of
from pipeline.forecasting.efforts import plan_efforts
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.scenario import forecast
from pipeline.forecasting.trajectory import simulate_trajectory

SET = {"discount@B": "0.03", "place@C": "0.05"}


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return run_shops(tmp_path_factory.mktemp("explored"))


def _what_if(client, **query):
    return client.get("/market/what-if", params={"market": "1", "horizon": "9"} | query).json()


@pytest.mark.parametrize("model", ["investment-mixed", "proportional-mixed"])
def test_a_what_if_is_the_forecast_of_its_scenario(visitor, shops, model):
    found = _what_if(visitor(shops.store), model=model, **SET)
    scenario = {
        "scenario": "by-hand",
        "markets": [1],
        "models": [model],
        "horizon": 9,
        "firms": {"B": {"discount": {"value": 0.03}}, "C": {"place": 0.05}},
        "uncertainty": {"draws": 0},
    }
    made = forecast(shops, scenario).markets[0]
    np.testing.assert_allclose(found["share"], made.share, rtol=0, atol=1e-12)
    carried = forecast(shops, scenario | {"firms": {}}).markets[0]
    np.testing.assert_allclose(found["carried"], carried.share, rtol=0, atol=1e-12)
    assert abs(sum(found["difference"])) < 1e-12
    assert np.abs(found["difference"]).max() > 1e-4


def test_the_scenario_that_is_shown_is_the_one_that_is_answered(visitor, shops):
    found = _what_if(visitor(shops.store), **SET)
    scenario = yaml.safe_load(found["scenario"])
    made = forecast(shops, scenario | {"uncertainty": {"draws": 0}}).markets[0]
    np.testing.assert_allclose(found["share"], made.share, rtol=0, atol=1e-12)


def test_a_link_shows_what_was_set(visitor, shops):
    client = visitor(shops.store)
    found = _what_if(client, **SET)
    assert found["state"] == SET
    page = client.get(found["address"])
    assert page.status_code == 200
    assert found["said"] in unescape(page.text)
    fields = dict(re.findall(r'<input type="number"[^>]* name="(\w+@\w)" value="([^"]*)"', page.text))
    assert len(fields) == 8
    assert fields | SET == fields
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    # Without a script the form sends all fields, and what was left as it was counts as not set.
    assert _what_if(client, **fields)["state"] == SET
    assert found["courses"] in page.text


def test_each_slider_goes_over_what_was_seen(shops, visitor):
    page = visitor(shops.store).get("/market", params={"market": "1"}).text
    sliders = re.findall(r'aria-label="discount of \w, ([^"]*)" min="([^"]*)" max="([^"]*)"', page)
    seen = shops.panel().sel(market=1, effort="discount")["efforts"]
    assert {unit for unit, *_ in sliders} == {"part of own sales"}
    for _, low, high in sliders:
        assert (float(low), float(high)) == (float(seen.min()), float(seen.max()))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"discount@Z": "0.1"}, "discount@Z is no effort of a firm"),
        ({"discount@B": "much"}, "expected a number"),
        ({"place@B": "-1"}, "the curve michaelis_menten takes"),
        ({"market": "7"}, "has no market 7"),
        ({"model": "none"}, "There is no model none"),
        ({"horizon": "0"}, "expected a number from 1 to"),
    ],
)
def test_what_cannot_be_answered_is_said(visitor, shops, query, said):
    client = visitor(shops.store)
    answered = client.get("/market/what-if", params={"market": "1"} | query)
    assert answered.status_code == 400
    assert said in answered.json()["error"]
    page = client.get("/market", params={"market": "1"} | query)
    assert said in unescape(page.text)
    assert 'role="alert"' in page.text


def test_what_was_never_seen_is_said(visitor, shops):
    client = visitor(shops.store)
    assert "discount of B: 0.5 lies beyond" in _what_if(client, **{"discount@B": "0.5"})["cautions"]
    assert _what_if(client, **SET)["cautions"].strip() == ""


def test_two_models_are_compared(visitor, shops):
    client = visitor(shops.store)
    one = _what_if(client, model="investment-mixed", against="proportional-mixed", **SET)
    two = _what_if(client, model="proportional-mixed", **SET)
    assert "difference by proportional-mixed" in one["table"]
    assert f"{100.0 * two['difference'][1]:+.2f}" in one["table"]
    assert "course against" in one["courses"]


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("shares", "<svg"),
        ("parameters", "jump_price"),
        ("diagnostics", "<p"),
        ("validation", "asked for no forecasts"),
        ("nothing", "There is no part"),
    ],
)
def test_parts_come_one_by_one(visitor, shops, part, shown):
    answered = visitor(shops.store).get("/market/part", params={"market": "1", "part": part})
    assert shown in unescape(answered.text)
    assert "<html" not in answered.text or part == "nothing"


def test_bands_are_drawn_under_what_is_set(visitor, shops, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "pipeline.forecasting.scenario.forecast", lambda results, scenario: asked.append(scenario) or 1 / 0
    )
    client = visitor(shops.store)
    with pytest.raises(ZeroDivisionError):
        client.get("/market/part", params={"market": "1", "part": "bands"} | SET)
    assert asked[0].firms["B"]["discount"].value == 0.03
    assert asked[0].uncertainty.draws > 0


def _prepared(market):
    response = ForecastResponse(market)
    total = np.full(market.horizon, 1e6)
    plan = plan_efforts(scenario_of(market, {}), market)
    carried = simulate_trajectory(response, plan, total)
    past = np.arange(market.past_share.shape[0])
    return WhatIf(market, response, total, levers_of(market), carried, past, "$ / period")


def test_an_answer_for_ten_firms_and_26_periods_takes_less_than_50_ms():
    rng = np.random.default_rng(3)
    market = plain_market(
        np.full(10, 0.1),
        rng.uniform(0.02, 0.15, (3, 104, 10)),
        curves=["linear", "michaelis_menten", "sqrt"],
        theta=np.array([2.0, 0.3, 0.05, 0.4]),
        horizon=26,
    )
    asked = _prepared(market)
    times = []
    for value in np.linspace(0.03, 0.12, 8):
        begin = time.thread_time()
        made = answer(asked, read_state(asked.levers, {asked.levers[0].key: str(value)}))
        assert len(made.drawings()) == 10
        assert len(made.table().rows) == 10
        made.sentence(), made.scenario(), made.numbers()
        times.append(time.thread_time() - begin)
    assert np.median(times) < 0.05


def test_prices_are_set_in_currency_and_over_what_a_firm_asked():
    market, history = priced_market()
    levers = levers_of(market)
    assert [(lever.low, lever.high) for lever in levers] == [
        (history[:, firm].min(), history[:, firm].max()) for firm in range(3)
    ]
    assert [lever.last for lever in levers] == history[-1].tolist()
    assert unit_of(market, 0, "$ / period") == "price, $"
    asked = _prepared(market)
    # Shares go with p**-3 in the end: all prices doubled move nobody, one that is cut wins.
    lower = asked.follow({levers[0]: 0.9 * levers[0].last}).share[-1]
    assert lower[0] > asked.carried.share[-1, 0]
    doubled = asked.follow({lever: 2.0 * lever.last for lever in levers}).share
    np.testing.assert_allclose(doubled, asked.carried.share, atol=1e-12)


def test_states_survive_writing():
    asked = _prepared(priced_market()[0])
    state = {asked.levers[1]: 2.125, asked.levers[0]: 1.75}
    assert read_state(asked.levers, write_state(state)) == state
    assert read_state(asked.levers, {lever.key: lever.text() for lever in asked.levers}) == {}


def test_drawings_are_to_scale_and_can_be_heard():
    rising = np.array([0.1, 0.2, np.nan, 0.3, 0.4])
    svg = draw_course(3, "Share of <A>", "Up & up", [Line("seen", 0, rising)], ("1", "5"), 4)
    assert '<title id="course-3">Share of &lt;A&gt;</title><desc id="said-3">Up &amp; up</desc>' in svg
    path = re.search(r'class="course seen" d="([^"]+)"', svg)[1]
    assert [piece[0] for piece in re.findall("[ML][^ML]+", path)] == ["M", "L", "M", "L"]
    points = np.array([list(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path)])
    assert (points > 0.0).all()
    assert (points < [WIDTH, HEIGHT]).all()
    steps = np.diff(points, axis=0)
    # Equal steps of the share are equal steps up; the gap counts two periods.
    np.testing.assert_allclose(steps[:, 1], steps[0, 1], atol=0.2)
    np.testing.assert_allclose(steps[:, 0] / steps[0, 0], [1, 2, 1], atol=0.01)
    ticks = [float(text) for text in re.findall(r">([\d.]+) %<", svg)]
    assert ticks == [10.0, 20.0, 30.0, 40.0]


def test_a_slider_moves_the_curves_and_the_address_by_keyboard(shops):
    explorer = Explorer(shops.store)
    with browser() as chromium, served(explorer) as address:
        page = chromium.new_page(viewport={"width": 400, "height": 800})
        asked, said = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        # The other parts of the page take seconds, and are not of this test.
        page.route(
            "**/market/part*", lambda route: asked.append(route.request.url) or route.fulfill(body=".")
        )
        page.goto(f"{address}/?token={explorer.token}", wait_until="commit")
        page.goto(f"{address}/market?market=1&horizon=9")
        assert page.locator(".course.set").count() == 0
        slider = page.locator("details[open]").get_by_role("slider", name="discount of")
        firm = slider.get_attribute("aria-label").split()[2].rstrip(",")
        slider.focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(re.compile("discount%40"))
        page.get_by_text("with 1 effort changed").wait_for()
        assert page.locator(".course.set").count() == 4
        curve = page.locator(".course.set").first.get_attribute("d")
        page.keyboard.press("ArrowLeft")
        page.locator("#courses li").first.locator(f'.course.set:not([d="{curve}"])').wait_for(
            state="attached"
        )
        field = page.get_by_label("discount part of own sales").first
        page.wait_for_url(re.compile(f"discount%40{firm}={field.input_value()}$"))
        heard = page.get_by_role("status").text_content()
        assert slider.get_attribute("aria-valuetext") == field.input_value()
        page.get_by_role("button", name="Draw the bands").click()
        page.wait_for_timeout(300)
        assert f"discount%40{firm}={field.input_value()}" in asked[-1]
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) == 0
        # Whoever gets the link sees the same; then all is as it was.
        page.reload()
        assert page.get_by_role("status").text_content() == heard
        page.get_by_role("link", name="Reset all efforts").click()
        page.get_by_text("All efforts as in the last period").wait_for()
        page.wait_for_url(lambda url: "%40" not in url)
        assert page.locator(".course.set").count() == 0
        assert said == []
