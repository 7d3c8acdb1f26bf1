"""Personal data and passwords: text is masked before it leaves the process, and users are identified by a hash.

The Collector masks again, because either can be misconfigured.
"""

import hashlib
import re

MASK = "****"

# A URL's password may have any sign but a blank: it ends at the last @. A port and a path are no password.
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)(?!\d{1,5}[/?#])\S*(?=@)")
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
    """Replace every mail address, phone number and password of a URL by `****`."""
    if "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}", text)
        text = _MAIL.sub(MASK, text)
    if _MAYBE_PHONE.search(text):
        text = _PHONE.sub(MASK, text)
    return text


def hash_user(user_id: str) -> str:
    """Hash a user id to 12 hexadecimal digits, the same in every service."""
    return hashlib.blake2s(user_id.encode("utf-8", "surrogatepass"), digest_size=6, person=b"lab-user").hexdigest()
