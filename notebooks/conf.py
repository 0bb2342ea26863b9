"""How the site is built: ``uv run sphinx-build -W notebooks site`` (offline).

Notebooks are shown with what they print and draw. The tests of notebooks run them and keep that in
`notebooks/.jupyter_cache`, so after them building takes a minute; else they are run here, which takes some more.
They are run on little data; ``BEED_NOTEBOOK_SMALL= uv run sphinx-build ...`` runs them on all of it.
"""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "reference"))

import generate

generate.write_all()

project = "beed"
author = "the beed authors"
version = release = version_of("beed")
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx-mathjax-offline"]
exclude_patterns = ["README.md", "**/.ipynb_checkpoints", ".jupyter_cache*"]
nb_execution_mode = "cache"
nb_execution_cache_path = str(
    Path(__file__).parent
    / (".jupyter_cache" if os.environ.setdefault("BEED_NOTEBOOK_SMALL", "1") else ".jupyter_cache_whole")
)
nb_execution_timeout = 600
nb_execution_raise_on_error = True
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
html_theme = "pydata_sphinx_theme"
html_title = "beed"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False
suppress_warnings = ["myst.header"]
