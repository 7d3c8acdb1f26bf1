"""The businesses that the lab starts with: four kinds, many cities of the United States, each in its own time zone."""

import re
from collections.abc import Iterator

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

# Name and city: some of each kind in the cities that users name most, the others from coast to coast.
BUSINESSES: dict[str, list[tuple[str, str]]] = {
    "hair": [
        ("Golden Gate Hair Studio", "San Francisco"),
        ("Willow Glen Salon", "San Jose"),
        ("Lakeside Cuts", "Oakland"),
        ("Sunny Day Barbers", "Sunnyvale"),
        ("The Mane Room", "Santa Rosa"),
        ("University Avenue Hair", "Palo Alto"),
        ("Mission Peak Salon", "Fremont"),
        ("Corner Chair Barbers", "Walnut Creek"),
        ("River Street Stylists", "Napa"),
        ("Hudson Hair House", "New York"),
        ("Loop Barber Company", "Chicago"),
        ("Rainy City Salon", "Seattle"),
        ("Desert Rose Hair", "Phoenix"),
        ("Peachtree Styling", "Atlanta"),
    ],
    "dentist": [
        ("Bayview Dental Care", "San Francisco"),
        ("Almaden Family Dentistry", "San Jose"),
        ("El Camino Smiles", "Sunnyvale"),
        ("Castro Street Dental", "Mountain View"),
        ("Garlic Valley Dental", "Gilroy"),
        ("Vineyard Dental Group", "Santa Rosa"),
        ("Telegraph Dental Arts", "Berkeley"),
        ("Delta Dental Studio", "Antioch"),
        ("Hillside Dentistry", "Los Gatos"),
        ("Back Bay Dental", "Boston"),
        ("Front Range Dental", "Denver"),
        ("Bayou City Dental", "Houston"),
        ("Sunset Strip Dental", "Los Angeles"),
        ("Island Smiles", "Honolulu"),
    ],
    "doctor": [
        ("Parkside Medical Group", "San Francisco"),
        ("Guadalupe Health Center", "San Jose"),
        ("East Bay Family Practice", "Oakland"),
        ("Stevens Creek Clinic", "Cupertino"),
        ("Wine Country Medical", "Napa"),
        ("Riverbend Physicians", "Petaluma"),
        ("Peninsula Care Partners", "Redwood City"),
        ("Diablo Valley Doctors", "Concord"),
        ("Tri-Valley Medical", "Pleasanton"),
        ("Harbor Street Clinic", "Vallejo"),
        ("Capitol Family Medicine", "Austin"),
        ("Lakefront Medical", "Chicago"),
        ("Liberty Square Physicians", "Philadelphia"),
        ("Northern Lights Clinic", "Anchorage"),
    ],
    "therapist": [
        ("Quiet Bay Counseling", "San Francisco"),
        ("Silicon Valley Therapy", "San Jose"),
        ("Grand Lake Counseling", "Oakland"),
        ("Open Door Therapy", "Berkeley"),
        ("Still Water Practice", "Mountain View"),
        ("Redwood Counseling", "Santa Rosa"),
        ("Coastside Therapy", "San Mateo"),
        ("New Leaf Counseling", "Walnut Creek"),
        ("Clear Path Therapy", "Santa Clara"),
        ("Brownstone Therapy", "New York"),
        ("Biscayne Counseling", "Miami"),
        ("Wasatch Therapy", "Salt Lake City"),
        ("Pearl District Counseling", "Portland"),
        ("Harbor Light Therapy", "San Diego"),
    ],
}
_FIRST = ["Ana", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Irene", "James", "Keiko", "Luis", "Maya"]
_LAST = ["Alvarez", "Brooks", "Chen", "Dubois", "Evans", "Fischer", "Garcia", "Hassan", "Ito", "Jones", "Kim"]
_STREETS = ["Main Street", "Oak Avenue", "First Street", "Park Avenue", "Cedar Lane", "Broadway", "Elm Street"]
_PROVIDERS = 3


def plant(session: Session) -> int:
    """Insert the missing businesses and return their number."""
    known = set(session.scalars(select(BusinessRow.id)))
    missing = [row for row in businesses() if row["id"] not in known]
    if missing:
        session.execute(insert(BusinessRow), missing)
        session.execute(insert(ProviderRow), [row for business in missing for row in providers(str(business["id"]))])
    return len(missing)


def businesses() -> Iterator[dict[str, object]]:
    """Yield every business as a row, those for probes last."""
    places = [(kind, name, city) for kind, entries in BUSINESSES.items() for name, city in entries]
    for number, (kind, name, city) in enumerate(places, 1):
        yield _business(number, name, kind, city)
    always = {str(day): [0, 24 * 60] for day in range(7)}
    for probe in ("Lab Doctor", "Lab Journey"):
        yield _business(0, probe, "doctor", "San Francisco") | {"hours": always}


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


def _business(number: int, name: str, kind: str, city: str) -> dict[str, object]:
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
