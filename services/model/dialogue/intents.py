"""Finds intents, topics, answers and choices in a message by its words."""

import re
from typing import Final

_PATTERNS: Final = {
    "affirm": (
        r"^\W*(?:y|ye|k|kk)\W*$|\b(?:yes+|yeah?|yea|yep|yup|yah|ya|sure|ok|okay|okey|correct|right|confirm(?:ed)?|"
        r"exactly|perfect(?:ly)?|great|good|fine|nice|works|work\s+for\s+me|indeed|absolutely|definitely|certainly|"
        r"of\s+course|go\s+ahead|do\s+it|please\s+do|sounds|terrific|awesome|wonderful|excellent|fantastic|amazing|"
        r"i\s+(?:do|would|assent|agree|confirm|certainly\s+do)|agreed|all\s?right|lovely|cool|suits|affirmative|"
        r"that'?s?\s+(?:is\s+)?(?:it|what\s+i\s+want)|(?:will|would)\s+(?:do|work)|book\s+(?:it|that|this|them|him|her)|"
        r"(?:like|love)\s+(?:it|him|her|them|that|this|to\s+(?:take|go\s+with|visit))|go\s+(?:with|for|there)|"
        r"i'?ll\s+(?:take|choose|go)|take\s+(?:it|that|this)|choose\s+(?:it|that|this)|no\s+(?:problem|worries)|"
        r"why\s+not|let'?s\s+(?:do|go|book)|this\s+(?:one|place|dentist|doctor|salon)|that\s+(?:one|place)|thumbs\s+up)\b"
    ),
    "deny": (
        r"^\W*n\W*$|(?:^\W*|[,.!]\s*|\b(?:sorry|oh|um+|hm+|well|actually)\W+)(?:no+|nope|nah|naw|negative)\b"
        r"(?!\s+(?:problem|worries|preference|matter|need\s+to\s+ask))|"
        r"\b(?:not\s+(?:right|correct|that|what|good|yet|now|at\s+(?:this|the)|interested|today)|incorrect|wrong|"
        r"don'?t(?!\s+(?:mind|care|matter))|do\s+not|doesn'?t\s+work|won'?t|can'?t|cannot|isn'?t|never\s?mind|forget\s+(?:it|about)|changed?\s+my\s+mind|"
        r"too\s+(?:late|early)|no\s+thank(?:s|\s+you))\b"
    ),
    "change": (
        r"\b(?:actually|instead|rather|change[ds]?|changing|switch|make\s+(?:it|that)|sorry|wait|on\s+second\s+thought|"
        r"better|could\s+we|can\s+we|different\s+(?:day|time|date)|another\s+(?:day|time|date))\b"
    ),
    "another": (
        r"\b(?:(?:any|some)(?:one|body|thing|where)\s+else|(?:any\s+)?others?|another(?:\s+one)?|a?\s?different|"
        r"elsewhere|someplace\s+else|somewhere\s+else|what\s+else|who\s+else|else|more\s+options?|next\s+one|alternatives?|"
        r"don'?t\s+(?:like|want)\s+(?:that|this|them|him|her|it)|not\s+(?:that|this)\s+(?:one|place)|keep\s+looking|"
        r"look\s+again|other\s+(?:one|option|choice|dentist|doctor|salon|place|time|day)s?)\b"
    ),
    "book": (
        r"\b(?:book(?:ing)?|schedule|scheduling|reserve|reservation|appointment|appt|make\s+an?\s+app\w*|set\s+(?:me\s+)?up|"
        r"slot|opening|fit\s+me\s+in|come\s+in|visit|squeeze\s+me|get\s+me\s+in|see\s+(?:a|the|my|him|her|them|dr))\b"
    ),
    "find": (
        r"\b(?:find|search(?:ing)?|look(?:ing)?\s+(?:for|up|in|into|at)|need\s+(?:a|an|to\s+(?:see|find|get))|recommend|"
        r"suggest|know\s+(?:of\s+)?(?:a|any|where|some)|want\s+(?:a|an|to\s+see)|near\s+me|nearby|locate|where\s+can\s+i)\b"
    ),
    "slots": (
        r"\b(?:what|which|when|any(?:thing)?|something)\b[^.?!]{0,80}\b(?:times?|slots?|openings?|availab\w*|free|hours|appointments?)\b|"
        r"\bwhat\s+do\s+you\s+have\b|\bwhen\s+(?:can|could|are|is|do)\b|\bavailability\b|\bfree\s+(?:times?|slots?)\b"
    ),
    "soonest": (
        r"\b(?:soonest|earliest|as\s+soon\s+as|asap|first\s+(?:available|free|possible)|next\s+(?:available|free|possible|"
        r"opening|slot)|any\s?(?:time|day)|whenever|right\s+away)\b"
    ),
    "move": (
        r"\b(?:re-?schedul\w*|postpone|push\s+(?:it\s+|my\s+\w+\s+)?back|bring\s+forward|"
        r"(?:change|shift|switch|push)\s+(?:\w+\s+){0,3}(?:appointment|booking|appt|reservation|visit|cleaning|haircut)|"
        r"move)\b"
    ),
    "cancel": (
        r"\b(?:cancel\w*|call\s+off|(?:drop|delete|remove)\s+(?:\w+\s+){0,2}(?:appointment|booking|appt|visit)|"
        r"(?:can'?t|cannot|won'?t)\s+(?:make|come\s+to|attend)\s+(?:it|(?:\w+\s+){0,3}(?:appointment|visit)))\b"
    ),
    "list": (
        r"\b(?:my|our)\s+(?:\w+\s+){0,2}(?:appointments|bookings|visits|schedule|calendar)\b|"
        r"\b(?:what|which)\s+(?:appointments?|bookings?)\s+(?:do|have)\s+i\b|"
        r"\b(?:do|did|have)\s+i\b[^.?!]{0,60}\b(?:appointments?|bookings?|booked|scheduled)\b|"
        r"\b(?:what|which|when|do\s+i|have\s+i|show|list)\b[^.?!]{0,80}\b(?:i|my)\b[^.?!]{0,80}\b(?:booked|appointments?|bookings?|"
        r"scheduled)\b"
    ),
    "human": (
        r"\b(?:(?:speak|talk|chat|connect|transfer|put)\s+(?:me\s+)?(?:through\s+)?(?:to|with)\s+(?:a\s+|an\s+|the\s+|your\s+|"
        r"some)?(?:real\s+|actual\s+|live\s+)?(?:human|person|agent|someone|somebody|one|body|representative|rep|manager|"
        r"operator|receptionist|staff|colleague|people)|(?:real|live|actual)\s+(?:human|person|agent)|human\s+(?:being|agent)|"
        r"(?:get|want|need|give)\s+(?:me\s+)?(?:a|an)\s+(?:human|agent|representative|operator|manager)|"
        r"customer\s+(?:service|support)|call\s+me\s+back|not\s+a\s+(?:bot|robot|machine)|"
        r"(?:human|person|agent|operator|representative)\W+please)\b|^\W*(?:agent|human|operator|"
        r"representative)\W*$"
    ),
    "thanks": r"\b(?:thanks?|thank\s?(?:you|u)|thx|ty|appreciate|cheers|grateful)\b",
    "bye": (
        r"\b(?:good\s?-?bye|bye|see\s+you|have\s+an?\s+(?:\w+\s+)?(?:day|one|evening|night|weekend)|take\s+care|"
        r"that(?:'?s|\s+is|\s+was|\s+will\s+be|'?ll\s+be|\s+would\s+be)?\s+(?:all|it|everything)(?:\s+(?:for|i|thanks?|that|"
        r"thank|from|good|then|have|the)\b|(?=\W*$))|all\s+(?:i|that\s+i)\s+(?:need|want)\w*|nothing\s+(?:else|more)|"
        r"i'?m\s+(?:all\s+)?(?:good|set|done|okay|ok|fine)|not\s+(?:right\s+)?now|later\s+maybe|maybe\s+later|"
        r"no\s+(?:thank\s?(?:s|you)))\b"
    ),
    "greet": r"^\W*(?:hi+|hello|hey(?:\s+there)?|good\s+(?:morning|afternoon|evening|day)|howdy|greetings|yo)\b",
    "smalltalk": (
        r"\b(?:how\s+are\s+you|how'?s\s+it\s+going|who\s+are\s+you|what\s+are\s+you|are\s+you\s+(?:a|an)\s+(?:bot|robot|"
        r"human|ai|person|machine)|what\s+can\s+you\s+do|help\s+me|can\s+you\s+help|what\s+is\s+this)\b"
    ),
    "anywhere": (
        r"\b(?:any\s?where|any\s+(?:city|town|place|location)|no\s+preference|(?:doesn'?t|does\s+not|don'?t)\s+(?:really\s+)?"
        r"(?:matter|care|mind)|i\s+don'?t\s+(?:care|mind)|no\s+matter|wherever|near\s+me|nearby|close\s+by|around\s+here)\b"
    ),
    "later": r"\blater\b(?!\s+today)|\bafter\s+that\b",
    "earlier": r"\b(?:earlier|sooner|before\s+that)\b",
    "emergency": (
        r"\b(?:emergency|heart\s+attack|chest\s+pain|can'?t\s+breathe|cannot\s+breathe|stroke|unconscious|overdose|"
        r"suicid\w*|kill\s+myself|bleeding\s+(?:heavily|badly|a\s+lot)|severe\s+bleeding|passed\s+out|dying)\b"
    ),
    "advice": (
        r"\b(?:diagnos\w*|what\s+(?:medicine|medication|dose|dosage|pills?)|should\s+i\s+(?:take|stop\s+taking)|prescri\w*|"
        r"is\s+it\s+(?:serious|dangerous|cancer|infected)|how\s+many\s+(?:mg|pills|milligrams)|antibiotics?|side\s+effects?)\b"
    ),
    "intrusion": (
        r"\b(?:ignore\s+(?:all\s+|your\s+|the\s+|any\s+)*(?:previous\s+|prior\s+|above\s+)?(?:instructions?|rules|prompts?)|"
        r"system\s+prompt|your\s+(?:instructions|prompt)|other\s+(?:patients?|people|customers?|users?|clients?)'?s?'?\s+"
        r"(?:appointments?|data|names?|numbers?|records?|bookings?)|who\s+else\s+(?:is|has)\s+(?:booked|an?\s+appointment)|"
        r"jailbreak|developer\s+mode|pretend\s+(?:to\s+be|you))\b"
    ),
}
_COMPILED: Final = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()}

# Topics of questions: their pattern, and the fields of a business with the answer.
TOPICS: Final = {
    "phone number": (
        r"(?:phone|telephone|contact|office|their|there|the)\s*(?:number|info\w*|no\.?)\b|\bphone\b|\btelephone\b|"
        r"\bnumber\s+to\s+call\b|\bwhat\s+is\s+the\s+number\b|\bwhat'?s\s+the\s+number\b",
        ("phone",),
    ),
    "address": (
        r"\baddress\b|\bwhere\b[^.?!]{0,80}\b(?:located|location|office|are\s+they|is\s+(?:it|he|she|the|that|this))\b|"
        r"\blocation\b|\bwhere\s+(?:are\s+they|is\s+it)\b|\bdirections\b",
        ("address",),
    ),
    "city": (r"\b(?:what|which)\s+city\b|\bconfirm\s+the\s+city\b|\bcity\b[^.?!]{0,80}\blocated\b", ("city",)),
    "rating": (r"\brat(?:ed|ings?)\b|\breviews?\b|\bstars\b|\bany\s+good\b|\breputation\b", ("rating",)),
    "price": (r"\b(?:price|prices|cost|costs|fee|fees|how\s+much|charge|expensive|insurance|cheap)\b", ("price",)),
    "list of services": (
        r"\bcosmetic\b|\bunisex\b|\boffer\b[^.?!]{0,80}\b(?:services?|work)\b|\b(?:do|does|are)\s+(?:they|he|she)\b"
        r"[^.?!]{0,80}\b(?:services?|do\s+(?:any\s+)?\w+|accept|cater|provide|perform)\b",
        ("services",),
    ),
    "opening hours": (
        r"\b(?:opening|business|office)\s+hours\b|\bwhen\b[^.?!]{0,80}\b(?:open|close)\b|\bopen\s+(?:on|at|until)\b",
        ("hours", "opening_hours"),
    ),
}
_TOPICS: Final = {name: re.compile(pattern, re.IGNORECASE) for name, (pattern, _) in TOPICS.items()}


def find_intents(text: str) -> frozenset[str]:
    """Return the names of all intents of the text."""
    return frozenset(name for name, pattern in _COMPILED.items() if pattern.search(text))


_QUESTION: Final = re.compile(r"[^.?!]*\?")
_ORDER: Final = re.compile(r"\b(?:book|confirm|schedule)\s+(?:it|that|this)\b", re.IGNORECASE)
_FIRST_WORDS: Final = re.compile(r"\s*(?:[\w']+\W*){0,3}")
_QUESTION_WORD: Final = re.compile(
    r"\s*(?:is|are|do|does|can|could|would|will|was|what|where|which|when|who|how|has|have)\b", re.IGNORECASE
)


def find_answer(text: str) -> bool | None:
    """Return True for a yes, False for a no, None for neither; the first one decides.

    A word inside a question is no yes ("Is that place good?"). An order ("Can you book it?") is one, and so is the
    start of a question ("Great, what is their number?").
    """
    answers = _QUESTION.sub(lambda match: _answer_part(match.group()), text)
    yes, no = _COMPILED["affirm"].search(answers), _COMPILED["deny"].search(text)
    if yes and (no is None or yes.start() < no.start()):
        return True
    return False if no else None


def _answer_part(question: str) -> str:
    """Return an order as it is, of another question its first words, padded to its length."""
    if _ORDER.search(question):
        return question
    opening = None if _QUESTION_WORD.match(question) else _FIRST_WORDS.match(question)
    return (opening.group() if opening else "").ljust(len(question))


_SENTENCE: Final = re.compile(r"[^.?!]+[.?!]*")
_ASKS: Final = re.compile(
    r"\?|\b(?:what|what'?s|where|which|give|tell|know|share|provide|send|have|confirm|get|let\s+me|like\s+(?:to|their|the)|"
    r"need|want|who|how)\b",
    re.IGNORECASE,
)


def find_topics(text: str) -> list[str]:
    """Return the topics of questions about a business ("phone number", "address", ...)."""
    asking = " ".join(sentence for sentence in _SENTENCE.findall(text) if _ASKS.search(sentence))
    topics = [name for name, pattern in _TOPICS.items() if pattern.search(asking)]
    # "I want a unisex salon" is a search; "is it a unisex salon?" is a question about a business.
    return [topic for topic in topics if topic != "list of services" or "?" in asking]


# "The 2nd" is a day of the month; "the 2nd one" and "the second" are choices.
_FIRST: Final = re.compile(
    r"\b(?:(?P<word>first|second|third|last)\b(?!\s+(?:day\s+)?of\b)|(?P<digit>[123])(?:st|nd|rd)\s+(?:one|option|slot|time))",
    re.IGNORECASE,
)
_ORDER_OF_WORDS: Final = {"first": 0, "second": 1, "third": 2, "last": -1}


def find_choice(text: str) -> int | None:
    """Return the index of "the second one" (-1 is the last), or None."""
    match = _FIRST.search(text)
    if not match:
        return None
    return _ORDER_OF_WORDS[match["word"].lower()] if match["word"] else int(match["digit"]) - 1
