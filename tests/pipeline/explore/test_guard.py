"""Only who has the link comes in, under an address of this computer, and answers lead nowhere else."""

import pytest


@pytest.fixture
def one(explored, kept):
    return explored(kept.store)


def test_nobody_comes_in_without_the_token(one):
    for address in ("/", "/markets", "/sql?sql=select+1", "/explore.js", "/?token=", "/?token=guess"):
        refused = one.client.get(address)
        assert refused.status_code == 403
        assert one.explorer.token not in refused.text
    assert "tiny" not in one.client.get("/").text


def test_the_token_is_taken_once_from_the_address_and_then_from_a_cookie(one):
    entered = one.client.get(f"/?token={one.explorer.token}&sweep=tiny+study")
    assert (entered.status_code, entered.headers["location"]) == (303, "/?sweep=tiny+study")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert one.client.get("/").status_code == 200
    assert one.client.get("/?token=other").status_code == 403


def test_a_code_for_the_browser_works_once(one):
    code = one.explorer.one_time_code()
    assert one.client.get(f"/?token={code}").status_code == 303
    one.client.cookies.clear()
    assert one.client.get(f"/?token={code}").status_code == 403


def test_a_link_that_is_mailed_keeps_its_query_through_the_token(one):
    page = one.client.get("/sql?sql=select+%22a%3Cb%22&rows=5").text
    assert '<input type="hidden" name="sql" value="select &#34;a&lt;b&#34;">' in page
    assert '<input type="hidden" name="rows" value="5">' in page


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1", "localhost:8000", "127.0.0.1:8000.evil"])
def test_other_names_of_the_host_get_nothing(one, host):
    answer = one.client.get(f"/?token={one.explorer.token}", headers={"Host": host})
    assert answer.status_code == 421
    assert "set-cookie" not in answer.headers


def test_nothing_can_be_sent(one):
    one.client.get(f"/?token={one.explorer.token}")
    for method in ("post", "put", "delete", "options"):
        assert getattr(one.client, method)("/").status_code == 405


def test_the_token_leads_to_no_other_host(one):
    answer = one.client.get(f"http://127.0.0.1:8000//evil.example/?token={one.explorer.token}")
    assert answer.headers.get("location", "/") == "/"


def test_every_answer_forbids_foreign_things(one):
    answers = [one.client.get("/")]
    one.client.get(f"/?token={one.explorer.token}")
    answers += [one.client.get(address) for address in ("/", "/explore.css", "/explore.js", "/nowhere")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
