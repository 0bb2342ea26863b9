"""The box for SQL: the same answers as in a shell, nothing else within reach, and an end to everything."""

import time

from pipeline.results.result_store import ResultStore

_SLOW = "select count(*) from range(100000000) a, range(100000) b where a.range % 7 = b.range % 5"


def test_answers_are_those_of_the_shell_and_everything_has_an_end(explored, kept):
    one = explored(kept.store)
    one.client.get(f"/?token={one.explorer.token}")

    def ask(text, **more):
        return one.client.get("/sql", params={"sql": text, **more})

    query = "select model, count(*) n, max(rmse) worst from fits group by model order by model"
    file = one.client.get("/sql.csv", params={"sql": query}).text.splitlines()
    expected = [",".join(map(str, row)) for row in ResultStore(kept.store).sql(query).rows()]
    assert file == ["model,n,worst", *expected]
    page = ask(query, rows="1").text
    assert "2 rows, the first 1 shown" in page
    assert page.count('<th scope="row">') == 1
    for text, said in (
        ("drop table fits", "a query is one SELECT"),
        ("select * from read_csv('/etc/passwd')", "cannot be answered"),
        ("select * from 'https://example.org/a.parquet'", "cannot be answered"),
        ("selct 1", "syntax error"),
    ):
        refused = ask(text)
        assert refused.status_code == 400
        assert said in refused.text
    assert "expected 1 to 5000 rows" in ask("select 1", rows="0").text

    begun = time.monotonic()
    late = ask(_SLOW, seconds="0.2")
    assert (late.status_code, time.monotonic() - begun < 30.0) == (400, True)
    assert "given up after 0.2 s" in late.text
    assert "1 row" in ask("select 1 one").text
    # One that is ended by the system has an heir.
    one.explorer.asker._process.kill()
    one.explorer.asker._process.wait()
    assert "1 row" in ask("select 1 one").text
