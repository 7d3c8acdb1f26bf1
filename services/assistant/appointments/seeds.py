"""The businesses that the lab starts with: four kinds, many cities of the United States, each in its own time zone."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.assistant.appointments.cities import REGION_OF_CITY, ZONE_OF_CITY, ZONE_OF_REGION
from services.assistant.storage.tables import BusinessRow, ProviderRow

# Minutes of an appointment, and the services of each kind of business.
MINUTES = {"hair": 45, "dentist": 30, "doctor": 30, "therapist": 60}
SERVICES = {
    "hair": ["Haircut", "Color", "Blow-dry", "Beard trim"],
    "dentist": ["Check-up", "Cleaning", "Filling", "Whitening"],
    "doctor": ["Consultation", "Physical exam", "Vaccination", "Follow-up"],
    "therapist": ["First session", "Individual session", "Couples session"],
}

# Opening hours: weekday (0 is Monday) -> minutes after midnight.
_DAY, _LATE, _SHORT = [8 * 60, 18 * 60], [9 * 60, 20 * 60], [9 * 60, 14 * 60]
HOURS = {
    "hair": {str(day): _LATE for day in (1, 2, 3, 4, 5)} | {"6": [10 * 60, 17 * 60]},
    "dentist": {str(day): _DAY for day in range(5)} | {"5": _SHORT},
    "doctor": {str(day): _DAY for day in range(5)} | {"5": _SHORT},
    "therapist": {str(day): _LATE for day in range(5)},
}

# Some of each kind in the cities that users name most, the others from coast to coast.
_BUSINESSES = Path(__file__).with_name("businesses.csv")
_FIRST = ["Ana", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Irene", "James", "Keiko", "Luis", "Maya"]
_LAST = ["Alvarez", "Brooks", "Chen", "Dubois", "Evans", "Fischer", "Garcia", "Hassan", "Ito", "Jones", "Kim"]
_STREETS = ["Main Street", "Oak Avenue", "First Street", "Park Avenue", "Cedar Lane", "Broadway", "Elm Street"]
_PROVIDERS = 3


def insert_missing(session: Session) -> int:
    """Insert the missing businesses and return their number."""
    known = set(session.scalars(select(BusinessRow.id)))
    missing = [row for row in businesses() if row["id"] not in known]
    if missing:
        session.execute(insert(BusinessRow), missing)
        session.execute(insert(ProviderRow), [row for business in missing for row in providers(str(business["id"]))])
    return len(missing)


def businesses() -> Iterator[dict[str, object]]:
    """Yield every business as a row, those for probes last."""
    with _BUSINESSES.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            yield _business(number, **row)
    always = {str(day): [0, 24 * 60] for day in range(7)}
    for probe in ("Lab Doctor", "Lab Journey"):
        yield _business(0, "doctor", probe, "San Francisco") | {"hours": always}


def business_id(name: str) -> str:
    """Return the id made of a name: lower case words with hyphens."""
    return "-".join(re.findall(r"[^\W_]+", name.casefold()))


def providers(owner: str) -> Iterator[dict[str, object]]:
    """Yield the providers of a business; their names follow from its id."""
    start = sum(owner.encode()) + len(owner)
    for place in range(_PROVIDERS):
        first = _FIRST[(start + place * 5) % len(_FIRST)]
        last = _LAST[(start * 3 + place * 4) % len(_LAST)]
        yield {"id": f"{owner}-{place + 1}", "business_id": owner, "name": f"{first} {last}"}


def _business(number: int, kind: str, name: str, city: str) -> dict[str, object]:
    region = REGION_OF_CITY[city.casefold()]
    return {
        "id": business_id(name),
        "name": name,
        "kind": kind,
        "city": city,
        "region": region,
        "time_zone": ZONE_OF_CITY.get(city.casefold(), ZONE_OF_REGION[region]),
        "address": f"{100 + number * 17} {_STREETS[number % len(_STREETS)]}, {city}",
        # 555-0100 to 555-0199 are reserved for fiction.
        "phone": f"+1 555 555 {100 + number:04d}",
        "minutes": MINUTES[kind],
        "services": SERVICES[kind],
        "hours": HOURS[kind],
    }
