"""Where the lab command writes: rich's console, without a taste of its own for what is written."""

from typing import Any

import rich.console


class Console(rich.console.Console):
    """Rich's console, which takes every text with colons as it is: `job:b:rate5m` is a rule, and no emoji in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
