"""Personal data: what may carry it is masked before it leaves the process, and users are named by a hash.

The Collector masks once more. Two nets, because either can be misconfigured.
"""

import hashlib
import re

MASK = "****"

_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# Seven digits or more in the groupings people use. Dates, times, hexadecimal ids and nanosecond clocks do not match.
_PHONE = re.compile(
    r"(?<![\w.:/-])"
    r"(?:(?:\+|00)\d{1,3}[\s./-]?)?"
    r"(?:\(\d{1,5}\)[\s./-]?\d{2,4}[\s./-]?\d{2,5}|\d{2,5}[\s./-]\d{3,4}[\s./-]?\d{3,5}|\d{3}[\s.-]\d{4}|\d{10,12})"
    r"(?![\w:-])"
)
_MAYBE_PHONE = re.compile(r"\d[\d\s()./-]{5,}\d")


def mask(text: str) -> str:
    """The text with every mail address and phone number replaced by `****`."""
    if "@" in text:
        text = _MAIL.sub(MASK, text)
    if _MAYBE_PHONE.search(text):
        text = _PHONE.sub(MASK, text)
    return text


def hash_user(user_id: str) -> str:
    """A short name for a user that is the same in every service and does not show the id (12 hex digits)."""
    return hashlib.blake2s(user_id.encode("utf-8", "surrogatepass"), digest_size=6, person=b"lab-user").hexdigest()
