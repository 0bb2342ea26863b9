"""The notebooks run from top to bottom on little data, use public names alone, and are kept without outputs.

``pytest -m notebook`` runs them and keeps what they print and draw for the site
(`notebooks/conf.py`), which else would run them again; to see one as a reader would, run it in
Jupyter without BEED_NOTEBOOK_SMALL.
"""

import ast
import json
import re
from pathlib import Path

import pytest

import beed
import kernels

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PUBLIC = {"kernels": kernels.__all__, "beed": beed.__all__, "pipeline": ()}


def cells_of(path, kind):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def imports_of(path):
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in cells_of(path, "code")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def test_all_are_found():
    assert [path.stem for path in NOTEBOOKS] == [
        *("01_shopping_centre", "02_orange_juice", "03_cars", "04_asking_the_store", "05_what_moves_my_share")
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_public_names_alone_are_used(path):
    found = list(imports_of(path))
    own = [(module, name) for module, name in found if module.split(".")[0] in PUBLIC]
    assert own
    assert [(module, name) for module, name in own if name not in PUBLIC.get(module, ())] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_kept(path):
    for cell in cells_of(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def keep_for_the_site(path, notebook):
    cache = pytest.importorskip("jupyter_cache")
    base = pytest.importorskip("jupyter_cache.base")
    kept = cache.get_cache(FOLDER / ".jupyter_cache")
    bundle = base.CacheBundleIn(notebook, str(path))
    kept.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    kept.db.dispose()


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_from_top_to_bottom(path, monkeypatch, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("BEED_NOTEBOOK_SMALL", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,  # what is kept is looked up by the cells as they are in the notebook
    ).execute()
    keep_for_the_site(path, notebook)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output.data for output in outputs if "data" in output]
    assert any("image/png" in data for data in shown), "a story has pictures"
    said = " ".join(data["text/markdown"] for data in shown if "text/markdown" in data)
    assert said, "and ends in words that follow from its numbers"
    assert not re.search(r"\b(nan|None|inf)\b", said), said
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
