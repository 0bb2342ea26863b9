import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.panel.findings import Problems
from pipeline.panel.reading import tables as panel_table
from pipeline.panel.reading.tables import CsvReader, ExcelReader, ParquetReader


def read(reader, *names):
    problems = Problems("file")
    values, rows = [], []
    for chunk in reader.chunks(names, problems):
        values += zip(*(chunk.columns[name].to_pylist() for name in names), strict=True)
        rows += chunk.rows.tolist()
    return values, rows, [str(problem) for problem in problems.listed()]


@pytest.fixture
def csv_file(tmp_path):
    def write(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return CsvReader.open(str(path))

    return write


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_separator_is_found(csv_file, mark):
    reader = csv_file(mark.join("abc") + "\n" + mark.join("123") + "\n")
    assert read(reader, "c", "a") == ([("3", "1")], [2], [])


def test_quotes_byte_order_mark_spaces_and_windows_lines(csv_file):
    reader = csv_file('﻿"first name", b\r\n"x, y", 2\r\n'.encode())
    assert reader.columns == ("first name", "b")
    assert read(reader, "first name", "b") == ([("x, y", " 2")], [2], [])


def test_compressed_file(tmp_path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert read(CsvReader.open(str(path)), "a") == ([("1",)], [2], [])


def test_row_numbers_are_lines_of_the_file(csv_file, monkeypatch):
    monkeypatch.setattr(panel_table, "CHUNK_BYTES", 32)
    lines = ["a,b", "1,x", "", "2", "3,x", "4,x,y", "", *(f"{number},x" for number in range(7, 40))]
    values, rows, problems = read(csv_file("\n".join(lines) + "\n"), "a")
    found = {value: row for (value,), row in zip(values, rows, strict=True) if value}
    assert found == {"1": 2, "3": 5, **{str(number): number + 1 for number in range(7, 40)}}
    assert [text.split(":")[1].strip() for text in problems] == ["4", "6"]
    assert "got 1 values; expected 2, as in the header" in problems[0]


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "an empty file"),
        (b"\n\n", "an empty file"),
        (b"a,a,b\n", "several columns called a"),
        ("a,b\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_files_that_are_no_tables(csv_file, content, got):
    with pytest.raises(DataError, match=got):
        csv_file(content)


def test_header_without_rows(csv_file):
    assert read(csv_file("a,b\n"), "a") == ([], [], [])
    assert read(csv_file("a,b"), "a") == ([], [], [])


def test_bytes_that_are_no_text_further_down(csv_file):
    with pytest.raises(DataError, match="UTF-8"):
        csv_file(b"a,b\n1,2\n\xff\xfe,2\n")
    beyond_the_first_look = b"a,b\n" + b"1,2\n" * 2**18 + b"\xff\xfe,2\n"
    _, _, problems = read(csv_file(beyond_the_first_look), "a")
    assert len(problems) == 1
    assert "UTF-8" in problems[0]


def test_missing_values_are_null(csv_file):
    values, _, _ = read(csv_file("a,b\n1,\n2,NA\n3,nan\n4,NaNa\n"), "b")
    assert values == [(None,), (None,), (None,), ("NaNa",)]


def test_parquet_keeps_types_and_counts_rows_over_files(tmp_path):
    for number in (0, 1):
        frame = pa.table({"a": pa.array([number, number], pa.int16()), "b": [1.5, 2.5], "c": ["x", "y"]})
        pq.write_table(frame, tmp_path / f"{number}.parquet", row_group_size=1)
    values, rows, problems = read(ParquetReader.open(str(tmp_path)), "c", "a")
    assert values == [("x", 0), ("y", 0), ("x", 1), ("y", 1)]
    assert rows == [1, 2, 3, 4]
    assert problems == []


def test_file_that_is_no_parquet(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="a Parquet file"):
        ParquetReader.open(str(path))


def test_excel_cells_are_read_as_text(tmp_path):
    path = tmp_path / "table.xlsx"
    frame = pd.DataFrame(
        {
            "when": [pd.Timestamp("2026-01-31"), pd.Timestamp("2026-02-28")],
            "number": [3, 0.1],
            "name": ["Ford", "NA"],
        }
    )
    frame.to_excel(path, index=False)
    values, rows, _ = read(ExcelReader.open(str(path)), "when", "number", "name")
    assert values == [("2026-01-31T00:00:00", "3", "Ford"), ("2026-02-28T00:00:00", "0.1", None)]
    assert rows == [2, 3]


def test_file_that_is_no_workbook(tmp_path):
    path = tmp_path / "table.xlsx"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected an Excel workbook"):
        ExcelReader.open(str(path))


def test_excel_without_its_package_names_the_remedy(tmp_path, monkeypatch):
    path = tmp_path / "table.xlsx"
    pd.DataFrame({"a": [1]}).to_excel(path, index=False)

    def missing(*_, **__):
        raise ImportError("Missing optional dependency 'openpyxl'")

    monkeypatch.setattr(panel_table.pd, "read_excel", missing)
    with pytest.raises(DataError, match=r"beed\[excel\]"):
        ExcelReader.open(str(path))


def test_row_numbers_count_skipped_lines():
    np.testing.assert_array_equal(panel_table._line_numbers(0, 4, [3, 4, 7]), [2, 5, 6, 8])
    np.testing.assert_array_equal(panel_table._line_numbers(2, 2, [3, 4, 7]), [6, 8])
