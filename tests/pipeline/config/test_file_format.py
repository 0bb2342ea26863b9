"""Names of data files: what the study accepts, the reader reads."""

import lzma
import shutil

import pandas as pd
import pytest
from ledgers import books
from places import STUDIES

from pipeline.config.load import load_study
from pipeline.config.sections.file_format import expected_endings, format_of
from pipeline.errors import ConfigError
from pipeline.panel.source import open_panel


@pytest.fixture
def folder(tmp_path):
    shutil.copy(STUDIES / "small.yaml", tmp_path)
    lines = ["market,firm,week,sales,price,feature"]
    lines += [
        f"1,{f},{week},{10 + week * n},{n}.5,{week}" for week in (1, 2, 3) for n, f in enumerate("AB", 1)
    ]
    (tmp_path / "sales.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def load_file(folder, name):
    return load_study(folder / "small.yaml", [f"data.file={folder / name}"])


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("a.csv", "csv"),
        ("A.TXT", "csv"),
        ("a.tsv.gz", "csv"),
        ("a.csv.bz2", "csv"),
        ("a.parq", "parquet"),
        ("a.xls", "excel"),
        ("s3://bucket/a.nc4", "netcdf"),
        ("s3://bucket/a.zarr/", "zarr"),
        ("a.xlsx.gz", None),
        ("a.json", None),
        ("s3://bucket/a", None),
        ("csv", None),
    ],
)
def test_the_name_tells_the_format(name, format_):
    assert format_of(name) == format_


def test_text_is_accepted_and_read(folder):
    text = (folder / "sales.csv").read_bytes()
    (folder / "sales.txt").write_bytes(text)
    (folder / "sales.tsv.xz").write_bytes(lzma.compress(text))
    expected = open_panel(load_study(folder / "small.yaml")).content_hash
    assert open_panel(load_file(folder, "sales.txt")).content_hash == expected
    assert open_panel(load_file(folder, "sales.tsv.xz")).content_hash == expected


def test_a_folder_of_parquet_is_accepted_and_read(folder):
    (folder / "parts").mkdir()
    pd.read_csv(folder / "sales.csv").to_parquet(folder / "parts" / "one.parquet")
    expected = open_panel(load_study(folder / "small.yaml")).content_hash
    assert open_panel(load_file(folder, "parts")).content_hash == expected


def test_an_old_workbook_is_accepted_and_read(folder):
    shutil.copy(STUDIES / "sales.xls", folder)
    study = load_file(folder, "sales.xls")
    pytest.importorskip("python_calamine")
    expected = open_panel(load_study(folder / "small.yaml")).content_hash
    assert open_panel(study).content_hash == expected


def test_postings_may_be_text_too(tmp_path):
    expected = open_panel(books(tmp_path)).content_hash
    shutil.copy(tmp_path / "postings.csv", tmp_path / "postings.txt")
    study = load_study(tmp_path / "study.yaml", [f"data.ledger={tmp_path / 'postings.txt'}"])
    assert open_panel(study).content_hash == expected


@pytest.mark.parametrize("name", ["postings.nc", "postings.json"])
def test_postings_are_a_table(tmp_path, name):
    books(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"one of \.csv, .*\.xls, or the key format") as refused:
        load_study(tmp_path / "study.yaml", [f"data.ledger={tmp_path / name}"])
    assert ".nc" not in refused.value.problems[0].expected


def test_endings_are_listed():
    assert expected_endings(["zarr"]) == "a file that ends in one of .zarr"
    assert ".cdf" in expected_endings()
