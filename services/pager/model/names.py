"""The names of people, as a responder signs and as the rotation has them."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from services.web.text import check_name

MAX_NAME = 60  # characters

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME), AfterValidator(check_name)
]
