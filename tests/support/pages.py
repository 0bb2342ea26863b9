"""The pages of the documentation as examples: blocks of code, commands with what they print, settings.

A block that cannot be run here says so in the source of its page, in a comment before it, with the reason::

    <!-- not run: needs a SLURM cluster -->

or names those of its commands that cannot: ``<!-- not run: `uv run pytest`: these are the tests -->``. One
that takes long says ``<!-- long: 20 s -->`` and is run by ``pytest -m long``. Settings name what they are a
part of, a study that they go into, the file that they are shown from or what they set:
``<!-- into: configs/mall.yaml -->``, ``<!-- file: ... -->``, ``<!-- settings: plan -->``.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from places import ROOT
from sybil import Document, Region
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "notebooks").rglob("*.md") if "generated" not in page.parts),
]
_LEXER = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\n]*)\n"))
_COMMENT = re.compile(r"<!--\s*(?P<kind>not run|long|into|file|settings):\s*(?P<text>[^>]*?)\s*-->\n*\Z")
_OF_SOME = re.compile(r"(?P<commands>`[^`]+`(?:,\s*`[^`]+`)*):\s*(?P<reason>.*)", re.DOTALL)
_NOTE = re.compile(r"\s{2,}#\s.*$")


@dataclass(frozen=True)
class Block:
    """A block of a page: what it is written in, its text, and what the comment before it says."""

    language: str
    text: str
    kind: str = ""
    comment: str = ""

    @property
    def left_out(self) -> tuple[list[str], str]:
        """What of it is not run, by its beginning ("" is all of it), and why."""
        if self.kind != "not run":
            return [], ""
        some = _OF_SOME.match(self.comment)
        return (re.findall("`([^`]+)`", some["commands"]), some["reason"]) if some else ([""], self.comment)

    def commands(self) -> list["Command"]:
        """The commands of a shell block that are run, each with the output that the page shows."""
        console, found = self.language == "console", []
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.startswith("$ ") or not console:
                text, _, note = line.removeprefix("$ ").partition(" # ")
                found += [(text.strip(), note, [])] if text.strip() else []
            else:
                found[-1][2].append(line)
        left_out, _ = self.left_out
        return [
            Command(program, note, "\n".join(shown))
            for text, note, shown in found
            for program in text.split(" && ")
            if not any(program.startswith(one) for one in left_out)
        ]


@dataclass(frozen=True)
class Command:
    """A command of a page, the note behind it, and the output that the page shows."""

    text: str
    note: str
    shown: str

    @property
    def words(self) -> list[str]:
        """The program and its arguments."""
        words = shlex.split(self.text)
        return words[2:] if words[:2] == ["uv", "run"] else words

    @property
    def exit_codes(self) -> set[int]:
        """How it may end: with 0, or as the note says."""
        return {0, *map(int, re.findall(r"exit code (\d+)", self.note))}


def examples_of(page: Path, evaluator) -> Document:
    """Parse a page into its blocks, directives of Sphinx left out, which takes no wrong ones."""

    def blocks(document):
        for region in _LEXER(document):
            language = region.lexemes["language"].strip()
            if language.startswith("{"):
                continue
            said = _COMMENT.search(document.text[: region.start])
            block = Block(language, str(region.lexemes["source"]), *(said.groups() if said else ()))
            yield Region(region.start, region.end, block, evaluator)

    return Document.parse(str(page), blocks)


def not_run(document: Document) -> list[tuple[str, str]]:
    """What of a page is not run (a whole block by its first line), and why."""
    left = []
    for _, region in document.regions:
        commands, reason = region.parsed.left_out
        first = region.parsed.text.splitlines()[0].removeprefix("$ ").partition(" # ")[0].strip()
        left += [(command or first, reason) for command in commands]
    return left


def disagreement(shown: str, said: str, tolerance: float) -> str:
    """Tell where an output is not what a page shows; nothing where it is.

    Widths of columns, borders of tables and the ends of lines do not count; `...` stands for anything;
    numbers agree within a part `tolerance` of them, or one in the last digit shown; a note after two spaces
    and `#` is the page's own.
    """
    wanted = _words("\n".join(_NOTE.sub("", line) for line in shown.splitlines()))
    found = _words(said)
    pieces, piece = [], []
    for word in [*wanted, "..."]:
        if word == "...":
            pieces += [piece] if piece else []
            piece = []
        else:
            piece.append(word)
    place = 0
    for piece in pieces:
        fits = (
            start
            for start in range(place, len(found) - len(piece) + 1)
            if all(_same(*pair, tolerance) for pair in zip(piece, found[start:], strict=False))
        )
        start = next(fits, None)
        if start is None:
            return (
                f"not in the output (after what comes before it): {' '.join(piece)}\n--- output ---\n{said}"
            )
        place = start + len(piece)
    return ""


def _words(text: str) -> list[str]:
    kept = [line for line in text.splitlines() if not re.fullmatch(r"[\s─-╿]*[━─]+[\s─-╿]*", line)]
    return re.sub(r"[│┃]", " ", "\n".join(kept)).split()


_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)")


def _same(shown: str, said: str, tolerance: float) -> bool:
    if shown == said:
        return True
    if "..." in shown:
        before, _, after = shown.partition("...")
        return said.startswith(before) and said.endswith(after)
    ours, theirs = _NUMBER.split(shown), _NUMBER.split(said)
    if len(ours) != len(theirs) or ours[::2] != theirs[::2]:
        return False
    return all(_near(*pair, tolerance) for pair in zip(ours[1::2], theirs[1::2], strict=True))


def _near(shown: str, said: str, tolerance: float) -> bool:
    try:
        ours, theirs = float(shown.replace(",", "")), float(said.replace(",", ""))
    except ValueError:
        return shown == said
    mantissa, _, exponent = shown.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return abs(ours - theirs) <= max(tolerance * abs(theirs), unit * 1.001 if "." in mantissa else 0)
