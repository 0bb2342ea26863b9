"""The templates of pages: what is shown is escaped, and nothing that is missing goes unnoticed."""

import re

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")


def html_environment(*packages: str) -> Environment:
    """Make an environment for the folders ``templates`` of packages, the first that has a template wins.

    Templates can import ``show`` from ``blocks.html`` of this package, which shows blocks, and have a
    filter ``prose``: it escapes a sentence, and sets what is between backquotes as code.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _prose(text: str) -> Markup:
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
