"""Personal data: text is masked before it leaves the process, and users are identified by a hash.

The Collector masks again, because either can be misconfigured.
"""

import hashlib
import re

MASK = "****"

_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# Seven digits or more in usual groupings. Dates, times, hexadecimal ids and nanosecond clocks do not match.
_PHONE = re.compile(
    r"(?<![\w.:/-])"
    r"(?:(?:\+|00)\d{1,3}[\s./-]?)?"
    r"(?:\(\d{1,5}\)[\s./-]?\d{2,4}[\s./-]?\d{2,5}|\d{2,5}[\s./-]\d{3,4}[\s./-]?\d{3,5}|\d{3}[\s.-]\d{4}|\d{10,12})"
    r"(?![\w:-])"
)
_MAYBE_PHONE = re.compile(r"\d[\d\s()./-]{5,}\d")


def mask(text: str) -> str:
    """Replace every mail address and phone number by `****`."""
    if "@" in text:
        text = _MAIL.sub(MASK, text)
    if _MAYBE_PHONE.search(text):
        text = _PHONE.sub(MASK, text)
    return text


def hash_user(user_id: str) -> str:
    """Hash a user id to 12 hexadecimal digits, the same in every service."""
    return hashlib.blake2s(user_id.encode("utf-8", "surrogatepass"), digest_size=6, person=b"lab-user").hexdigest()
