"""Words for kinds of business, services and well-known cities."""

import re
from collections.abc import Mapping
from typing import Final

# Kind -> words for it (regular expressions of whole words in singular).
_KINDS: Final = {
    "hair": (
        r"hair\s?-?(?:stylist|dresser|cutter|salon|place)|stylist|hair|barber(?:\s?shop)?|salon|beauty\s+parlou?r|"
        r"parlou?r|trim|hair\s?-?(?:cut|do|style)|coiffeur|highlights|perm|blow\s?-?(?:dry|out)|unisex|wig"
    ),
    "dentist": (
        r"dentist|dentists?'s|dental|dentistry|orthodontist|endodontist|periodontist|hygienist|"
        r"tooth(?:\s?ache)?|teeth|braces|root\s+canal|cavity|cavities|crown|filling|gums?|molar"
    ),
    "therapist": (
        r"therapist|psychologist|psychiatrist|psychotherapist|counsel+or|counsel+ing|therapy|shrink|"
        r"marriage\s+counsel+or|mental\s+health|talk\s+therapy"
    ),
    "doctor": (
        r"doctor|physician|general\s+practitioner|gp|gyn(?:a|e|ae)?cologist|ob-?\s?gyn|dermatologist|"
        r"op(?:h)?th[ao]lmologist|eye\s+doctor|ent(?:\s+specialist)?|pediatrician|paediatrician|cardiologist|"
        r"primary\s+care|family\s+medicine|clinic|check\s?-?\s?up|physical(?:\s+exam)?|flu\s+shot|vaccination|"
        r"medical|specialist|dr|doc|surgeon|urologist|allergist"
    ),
}
# Dentist before doctor: "dental clinic", "dental surgeon"; therapist before doctor: "mental health doctor".
_KIND_PATTERNS: Final = {
    kind: re.compile(rf"(?<![\w'])(?:{words})(?:'?s)?(?![\w])", re.IGNORECASE) for kind, words in _KINDS.items()
}
_KIND_FILLERS: Final = re.compile(
    r"(?:\W|\b(?:the|a|an|my|good|office|shop|place|visit|appointment|'?s)\b)*", re.IGNORECASE
)
KIND_NOUNS: Final = {"hair": "hair salon", "dentist": "dentist", "doctor": "doctor", "therapist": "therapist"}

# Service of a booking -> words for it.
_SERVICES: Final = {
    "haircut": r"hair\s?-?cut|cut\s+my\s+hair|trim",
    "coloring": r"colou?ring|highlights|dye|hair\s+colou?r",
    "styling": r"styling|hair\s?-?do|blow\s?-?(?:dry|out)",
    "cleaning": r"cleaning|clean\s+my\s+teeth|teeth\s+cleaned",
    "filling": r"filling|cavity|cavities",
    "checkup": r"check\s?-?\s?up|physical(?:\s+exam)?|annual\s+exam",
    "vaccination": r"vaccination|flu\s+shot|vaccine",
    "first session": r"first\s+session|intake(?:\s+session)?|initial\s+consultation",
}
_SERVICE_PATTERNS: Final = {name: re.compile(rf"\b(?:{words})s?\b", re.IGNORECASE) for name, words in _SERVICES.items()}

_CITY_NAMES: Final = """
Albany|Albuquerque|Alameda|Anaheim|Anchorage|Ann Arbor|Antioch|Arlington|Atlanta|Austin|Bakersfield|Baltimore|
Baton Rouge|Berkeley|Birmingham|Boise|Boston|Boulder|Brooklyn|Buffalo|Burlington|Cambridge|Charleston|Charlotte|
Chicago|Cincinnati|Cleveland|Colorado Springs|Columbus|Concord|Cupertino|Dallas|Danville|Daly City|Dayton|Denver|
Des Moines|Detroit|Durham|El Paso|Emeryville|Eugene|Fairfield|Fargo|Fort Worth|Fremont|Fresno|Gilroy|Grand Rapids|
Greensboro|Half Moon Bay|Hartford|Hayward|Honolulu|Houston|Indianapolis|Jacksonville|Jersey City|Kansas City|
Knoxville|Lafayette|Las Vegas|Lexington|Lincoln|Little Rock|Livermore|Long Beach|Los Angeles|Los Gatos|Louisville|
Madison|Manhattan|Memphis|Menlo Park|Mesa|Miami|Mill Valley|Milpitas|Milwaukee|Minneapolis|Morgan Hill|
Mountain View|Napa|Nashville|New Haven|New Orleans|New York|Newark|Norfolk|Novato|Oakland|Oklahoma City|Omaha|Orlando|
Palo Alto|Petaluma|Philadelphia|Phoenix|Pittsburgh|Pleasanton|Portland|Providence|Queens|Raleigh|Redwood City|Reno|
Richmond|Riverside|Rochester|Sacramento|Salt Lake City|San Antonio|San Bruno|San Carlos|San Diego|San Francisco|
San Jose|San Leandro|San Mateo|San Rafael|San Ramon|Santa Ana|Santa Clara|Santa Cruz|Santa Fe|Santa Rosa|Saratoga|
Savannah|Scottsdale|Seattle|Sonoma|Spokane|Springfield|St. Louis|St. Paul|Sunnyvale|Syracuse|Tacoma|Tampa|Toledo|
Tucson|Tulsa|Union City|Vallejo|Virginia Beach|Walnut Creek|Washington|Wichita
""".replace("\n", "").split("|")
_CITY_ALIASES: Final = {
    "sf": "San Francisco",
    "sfo": "San Francisco",
    "san fran": "San Francisco",
    "san fransisco": "San Francisco",
    "frisco": "San Francisco",
    "nyc": "New York",
    "new york city": "New York",
    "la": "Los Angeles",
    "l.a.": "Los Angeles",
    "philly": "Philadelphia",
    "vegas": "Las Vegas",
    "dc": "Washington",
    "washington dc": "Washington",
    "saint louis": "St. Louis",
    "saint paul": "St. Paul",
    "nola": "New Orleans",
}
_CITIES: Final = {name.lower(): name for name in _CITY_NAMES} | _CITY_ALIASES
# Also an article (La Petite) or a name (Lincoln): a city only after in, near, around, to or from.
_WEAK: Final = {"la", "mesa", "lincoln", "queens", "madison"}
_CITY_PATTERN: Final = re.compile(
    rf"(?<![\w'])(?P<near>(?:in|near|around|to|from)\s+)?(?P<city>"
    rf"{'|'.join(re.escape(city) for city in sorted(_CITIES, key=len, reverse=True))})(?![\w'])",
    re.IGNORECASE,
)


def find_kind(text: str) -> str | None:
    """Return the kind of business in the text ("hair", "dentist", "doctor", "therapist"), or None."""
    firsts = {kind: match.start() for kind, pattern in _KIND_PATTERNS.items() if (match := pattern.search(text))}
    if "doctor" in firsts and len(firsts) > 1:
        del firsts["doctor"]  # "dental clinic", "hair doctor": the narrower word decides
    return min(firsts, key=lambda kind: firsts[kind]) if firsts else None


def is_kind_word(text: str) -> bool:
    """Return whether the text has only words for a kind ("hair salon", "the dentist's office")."""
    return _KIND_FILLERS.fullmatch(_without(_KIND_PATTERNS, text)) is not None


def names_only_a_service(text: str) -> bool:
    """Return whether the kind follows from the service alone ("a check-up"), which several kinds may offer."""
    rest = _without(_SERVICE_PATTERNS, text)
    return rest != text and find_kind(rest) is None


def _without(patterns: Mapping[str, re.Pattern[str]], text: str) -> str:
    for pattern in patterns.values():
        text = pattern.sub(" ", text)
    return text


def find_service(text: str) -> str | None:
    """Return the service in the text ("haircut", "cleaning", ...), or None."""
    return next((name for name, pattern in _SERVICE_PATTERNS.items() if pattern.search(text)), None)


def find_known_city(text: str) -> str | None:
    """Return the full name of the last well-known city in the text, or None."""
    found = [(match["city"].lower(), match["near"]) for match in _CITY_PATTERN.finditer(text)]
    return next((_CITIES[name] for name, near in reversed(found) if near or name not in _WEAK), None)
