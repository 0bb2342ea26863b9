"""In which encoding the letters of a text file are written."""

import codecs
import re
from typing import BinaryIO

UTF_8 = "utf-8"
#: Bytes that are looked at to tell.
LOOKED_AT = 16 << 20
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: In both Windows encodings bytes from C0 on are letters; Ё, ё, Є, І, Ї of Cyrillic ones lie below.
_LETTER, _ASCII = rb"[\xa5\xa8\xaa\xaf\xb2\xb3\xb4\xb8\xba\xbf-\xff]", rb"[A-Za-z]"


class NotTextError(Exception):
    """Bytes that are no text in the encoding that they should be in."""


class Utf8Stream:
    """A binary file of text as UTF-8; refuses what is no text, wherever it stands, before a parser meets it.

    Parameters
    ----------
    file
        Of bytes.
    encoding
        That they are in.
    """

    def __init__(self, file: BinaryIO, encoding: str = UTF_8) -> None:
        self._file, self._as_it_is = file, codecs.lookup(encoding).name == UTF_8
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._left = b""

    @property
    def closed(self) -> bool:
        """Tell whether the file is closed."""
        return self._file.closed

    def read(self, size: int = -1) -> bytes:
        """Read this many bytes at most, or all; none at the end only."""
        if self._as_it_is:
            data = self._file.read(size)
            self._decode(data)
            return data
        ended = False
        while not ended and (size < 0 or len(self._left) < size):
            data = self._file.read(size)
            self._left, ended = self._left + self._decode(data).encode(), not data
        end = len(self._left) if size < 0 else size
        data, self._left = self._left[:end], self._left[end:]
        return data

    def _decode(self, data: bytes) -> str:
        try:
            return self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            raise NotTextError from None


def guess_encoding(data: bytes) -> tuple[str, str]:
    """Guess the encoding of a text from its first bytes.

    A mark at the beginning decides, or that all of it is UTF-8, which hardly anything else is by chance. Else
    it is one of the two encodings of Windows whose bytes above 127 are mostly letters: in Cyrillic words they
    follow one another, in those of western languages (cp1252) they stand among the letters of English.

    Parameters
    ----------
    data
        Up to `LOOKED_AT` bytes.

    Returns
    -------
    encoding, reason
        Its name as Python knows it, and why it is that one.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name, "the mark at its beginning says so"
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(data)
    except UnicodeDecodeError:
        together = len(re.findall(_LETTER + b"(?=" + _LETTER + b")", data))
        among = len(re.findall(_LETTER + b"(?=" + _ASCII + b")|" + _ASCII + b"(?=" + _LETTER + b")", data))
        if together > among:
            return "cp1251", "it is no UTF-8, and its letters make Cyrillic words"
        return "cp1252", "it is no UTF-8, and its letters are those of western languages"
    return UTF_8, "all of it is"
