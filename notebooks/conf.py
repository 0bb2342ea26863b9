"""How the site is built: ``uv run sphinx-build -W notebooks site`` (offline, a minute)."""

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
exclude_patterns = ["README.md", "**/.ipynb_checkpoints"]
# Notebooks take minutes and are run by the tests; `-D nb_execution_mode=force` builds them with their outputs.
nb_execution_mode = "off"
nb_execution_timeout = 600
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
