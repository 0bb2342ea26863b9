"""Where compiled code is kept when the usual folder cannot be written."""

import tempfile

import pytest

from kernels.numeric import jit


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder that can be made nowhere, because a file is in its way, and one for temporary files."""
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("BEED_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(jit._SETTINGS, "CACHE_DIR", "")
    jit.machine_code_folder.cache_clear()
    yield tmp_path
    jit.machine_code_folder.cache_clear()


def test_code_is_kept_among_the_temporary_files_and_that_is_said(places):
    folder = jit.machine_code_folder()
    assert folder.is_relative_to(places / "temporary")
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0, "for this user alone"
    note = jit.cache_note()
    assert str(places / "file" / "cache") in note
    assert f"kept in {folder.parents[1]}" in note
    assert "BEED_CACHE_DIR" in note


def test_nowhere_is_said_too(places, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(places / "file"))
    assert jit.machine_code_folder() is None
    assert "compiles again" in jit.cache_note()


def test_code_that_others_may_have_put_there_is_not_run(places, monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 123456)
    assert jit.machine_code_folder() is None


def test_nothing_is_said_of_the_usual_folder(places, monkeypatch):
    monkeypatch.setenv("BEED_CACHE_DIR", str(places / "cache"))
    assert jit.machine_code_folder().is_relative_to(places / "cache")
    assert jit.cache_note() == ""
