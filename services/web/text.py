"""Text from outside: one rule for mails, notifications and names.

Characters and spaces of every script are kept, invisible joiners too: Persian and emoji need them. Control
characters and bidirectional overrides are not text: they change how a page or a terminal shows what is around them.
"""

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# No database stores them: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BREAK = re.compile("[\t\n\u2028\u2029]")
# Embeddings, overrides and isolates (https://www.unicode.org/reports/tr9/, section 2): they reorder the text.
_OVERRIDE = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Spaces, marks and format characters show nothing by themselves.
_INVISIBLE = ("Z", "M", "Cf")


def replace_unstorable(text: str) -> str:
    """Return the text with U+FFFD in the place of NUL and of halves of surrogate pairs."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def clean_text(text: str) -> str:
    """Return the text with blanks in the place of control characters, and without bidirectional overrides."""
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n"))
    return replace_unstorable(_OVERRIDE.sub("", text))


def clean_line(text: str) -> str:
    """Return the clean text as one line, without spaces at its ends."""
    return _BREAK.sub(" ", clean_text(text)).strip()


def check_name(text: str) -> str:
    """Return the name of a person as it is.

    Raises:
        ValueError: it is not one line that `clean_line` leaves as it is, or it shows nothing.
    """
    if clean_line(text) != text.strip():
        raise ValueError("must be one line without control characters and bidirectional overrides")
    if all(unicodedata.category(sign).startswith(_INVISIBLE) for sign in text):
        raise ValueError("must have a letter or another visible character")
    return text
