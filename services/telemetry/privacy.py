"""Personal data and passwords: text is masked before it leaves the process, and users are identified by a hash.

The Collector masks the same again (`collector/config.yaml`), because either can be misconfigured.
"""

import hashlib
import re

MASK = "****"

# A URL's password may have any sign but a blank: it ends at the last @. A port and a path are no password.
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)(?!\d{1,5}[/?#])\S*(?=@)")
# Bounded as RFC 5321 bounds them, so that a long text without blanks takes milliseconds. A masked password before the
# host of a URL is no mail address.
_MAIL = re.compile(
    r"""(?<!\*)(?!\*{4}@)[^\s@"'<>(),;:=&?/\[\]{}]{1,64}(?:@|%40|\s?[(\[]\s?at\s?[)\]]\s?)"""
    r"""[^\s@"'<>(),;:=&?/\[\]{}%]{1,255}\.[^\s@"'<>(),;:=&?/\[\]{}%.\d]{2,}"""
)
_MAYBE_MAIL = re.compile(r"@|%40|at\s?[)\]]")

# Identifiers whose parts look like phone numbers. They are found first and kept.
_IDENTIFIER = (
    # UUID
    r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"
    # IPv6; times have colons, too
    r"|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:-])"
)
# Found after phone numbers: three, three and four digits with dots are one, and 01.42.68.53.00 is.
_DOTTED = r"(?<![\w.])v?\d+(?:\.\d+)+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?(?!\w)"

# A field or a word begins here.
_START = r"""(?<![^\s:=,;"'(>])"""
# In a URL a blank is + or %20.
_PHONE = "|".join(
    (
        # International: +1 415-555-0100, +49 (0)151 23456789, 0044 20 7946 0958, %2B14155550100.
        r"(?:(?<!\w)\+|%2[Bb])\s?\(?[1-9](?:(?:[ ().+\-/\xa0]|%2[089]){0,3}[0-9]){6,14}",
        _START + r"00[1-9](?:(?:[ ().+\-/]|%2[089]){0,3}[0-9]){7,13}\b",
        # North America: (415) 555-0100, 415.555.0100, 1-415-555-0100, 415 555 0100, 4155550100.
        r"(?:\b1(?:[ .+\-]|%20)?)?(?:\(|%28)[2-9][0-9]{2}(?:\)|%29)(?:[ .+\-]|%20)?[0-9]{3}(?:[ .+\-]|%20)?[0-9]{4}\b",
        r"\b(?:1(?:[ .+\-]|%20))?[2-9][0-9]{2}(?:[ .+\-]|%20)[0-9]{3}(?:[ .+\-]|%20)[0-9]{4}\b(?!\.\d)",
        _START + r"1?[2-9][0-9]{2}[2-9][0-9]{6}\b(?!\.\d)",
        # With a leading zero: 0151 23456789, 030/1234567, 020 7946 0958, 01 42 68 53 00, (0151) 23456789, 015123456789.
        r"\b0[1-9][0-9]{1,4}(?: ?[ +/\-] ?|%20)[0-9]{5,10}\b",
        r"\b0[1-9][0-9]{1,4}(?:[ +/]|%20)[0-9]{2,4}(?:(?:[ +]|%20)[0-9]{2,4}){1,3}\b",
        r"\b0[1-9][0-9]-[0-9]{3,4}-[0-9]{4}\b",
        r"\b0[1-9](?:(?:[ .+]|%20)[0-9]{2}){4}\b(?!\.\d)",
        r"(?:\(|%28)0[0-9]{1,5}(?:\)|%29)(?:(?:[ +/\-]|%20)?[0-9]){5,10}\b",
        _START + r"0[1-9][0-9]{8,10}\b",
        # Without the area code: 555-0100.
        _START + r"[0-9]{3}[ -][0-9]{4}(?![\w:-])",
        # Usual groups without any of these marks. The Collector does not mask them.
        r"(?<![\w.:/-])[0-9]{2,5}[\s/-][0-9]{3,4}[\s/-]?[0-9]{3,5}(?![\w:-])",
    )
)
_PERSONAL = re.compile(f"(?P<kept>{_IDENTIFIER})|{_PHONE}|(?P<dotted>{_DOTTED})")
_MAYBE_PHONE = re.compile(r"\d[\d\s()./+%-]{5,}\d")


def mask(text: str) -> str:
    """Mask mail addresses, phone numbers and passwords of URLs; keep IP addresses, UUIDs and version numbers."""
    if "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}", text)
    if _MAYBE_MAIL.search(text):
        text = _MAIL.sub(MASK, text)
    if _MAYBE_PHONE.search(text):
        text = _PERSONAL.sub(_replace, text)
    return text


def _replace(found: re.Match[str]) -> str:
    return found["kept"] or found["dotted"] or MASK


def hash_user(user_id: str) -> str:
    """Hash a user id to 12 hexadecimal digits, the same in every service."""
    return hashlib.blake2s(user_id.encode("utf-8", "surrogatepass"), digest_size=6, person=b"lab-user").hexdigest()
