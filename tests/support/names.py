"""Names of people in scripts that need more than ASCII."""

NAMES = (
    "Ada Obi",
    "山田\u3000太郎",  # an ideographic space
    "علی\u200cرضا",  # noqa: RUF001 - a zero-width non-joiner
    "क्\u200dष",  # a zero-width joiner
    "👨\u200d👩\u200d👧\u200d👦",
    "❤\ufe0f",
    "Ren\u00e9\u00a0O'Neil",
    "\u200fدانا\u200e",  # noqa: RUF001 - marks of direction
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\ue000",
)
