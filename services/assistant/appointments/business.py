"""The businesses as the rest of the assistant sees them: read once from the database, then never changed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.assistant.storage.tables import BusinessRow, ProviderRow

KINDS = ("hair", "dentist", "doctor", "therapist")
# Made for the lab's own checks and for its synthetic journey: always open, and kept out of the figures of the business
# (names.APPOINTMENTS and the like).
PROBE_BUSINESS = "lab-doctor"
JOURNEY_BUSINESS = "lab-journey"
PROBE_BUSINESSES = (PROBE_BUSINESS, JOURNEY_BUSINESS)


@dataclass(frozen=True)
class Provider:
    """A person of a business who takes appointments."""

    id: str
    name: str


@dataclass(frozen=True)
class Business:
    """A business; `hours` maps a weekday (0 is Monday) to minutes after local midnight (opens, closes)."""

    id: str
    name: str
    kind: str
    city: str
    region: str
    time_zone: str
    address: str
    phone: str
    minutes: int
    services: tuple[str, ...]
    hours: Mapping[int, tuple[int, int]]
    providers: tuple[Provider, ...]

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of its opening hours (cached by zoneinfo itself)."""
        return ZoneInfo(self.time_zone)

    @property
    def is_probe(self) -> bool:
        """Whether it is there for probes only."""
        return self.id in PROBE_BUSINESSES

    def summary(self) -> dict[str, Any]:
        """Return its fields for lists."""
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "city": self.city,
            "region": self.region,
            "time_zone": self.time_zone,
            "address": self.address,
            "phone": self.phone,
            "services": list(self.services),
            "appointment_minutes": self.minutes,
            "providers": [{"id": provider.id, "name": provider.name} for provider in self.providers],
        }

    def brief(self) -> dict[str, Any]:
        """Return its fields for the model: short, because they are sent and paid for with each turn."""
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "city": self.city,
            "time_zone": self.time_zone,
            "address": self.address,
            "phone": self.phone,
            "services": list(self.services),
            "providers": [provider.name for provider in self.providers],
        }

    def provider(self, wanted: str | None) -> Provider | None:
        """Return the provider with this id or (part of a) name."""
        if not wanted:
            return None
        for provider in self.providers:
            if wanted == provider.id:
                return provider
        words = _words(wanted)
        return next((provider for provider in self.providers if words and words <= _words(provider.name)), None)


@dataclass(frozen=True)
class Found:
    """Result of a search. `nearby`: the city has none, and these are from its region."""

    businesses: tuple[Business, ...]
    nearby: bool = False


class Directory:
    """All businesses, searchable."""

    def __init__(self, businesses: Iterable[Business], regions: Mapping[str, str]) -> None:
        """`regions` maps a city's name in lower case to its region, for cities without a business of their own."""
        self._businesses = {business.id: business for business in businesses}
        self._regions = dict(regions)

    @classmethod
    def load(cls, session: Session, regions: Mapping[str, str]) -> "Directory":
        """Read businesses and providers."""
        providers: dict[str, list[Provider]] = {}
        for row in session.scalars(select(ProviderRow).order_by(ProviderRow.id)):
            providers.setdefault(row.business_id, []).append(Provider(row.id, row.name))
        rows = session.scalars(select(BusinessRow).order_by(BusinessRow.id))
        return cls([_business(row, providers.get(row.id, [])) for row in rows], regions)

    def __iter__(self) -> Iterator[Business]:
        return iter(self._businesses.values())

    def __len__(self) -> int:
        return len(self._businesses)

    def get(self, business_id: str | None) -> Business | None:
        """Return the business with this id."""
        return self._businesses.get(business_id) if business_id else None

    def list(
        self, kind: str | None = None, region: str | None = None, limit: int = 100, *, include_probes: bool = False
    ) -> list[Business]:
        """Return businesses of a kind and region in the order of their ids; probes last, if at all."""
        chosen = [
            business
            for business in self._businesses.values()
            if kind in (None, business.kind)
            and region in (None, business.region)
            and (include_probes or not business.is_probe)
        ]
        chosen.sort(key=lambda business: (business.is_probe, business.id))
        return chosen[:limit]

    def find(self, kind: str | None = None, city: str | None = None, name: str | None = None, limit: int = 5) -> Found:
        """Search as a person would: by kind, by city, by (part of) the name of the business or of a provider."""
        pool = [
            business
            for business in self._businesses.values()
            if kind in (None, business.kind) and not (business.is_probe and not name)
        ]
        if name:
            pool = _best_named(pool, name)
        if not city:
            return Found(tuple(pool[:limit]))
        wanted = " ".join(city.casefold().split())
        inside = [business for business in pool if business.city.casefold() == wanted]
        if inside:
            return Found(tuple(inside[:limit]))
        region = self._regions.get(wanted)
        near = [business for business in pool if region is not None and business.region == region]
        return Found(tuple(near[:limit]), nearby=bool(near))


def _business(row: BusinessRow, providers: Iterable[Provider]) -> Business:
    return Business(
        id=row.id,
        name=row.name,
        kind=row.kind,
        city=row.city,
        region=row.region,
        time_zone=row.time_zone,
        address=row.address,
        phone=row.phone,
        minutes=row.minutes,
        services=tuple(row.services),
        hours={int(day): (opens, closes) for day, (opens, closes) in row.hours.items()},
        providers=tuple(providers),
    )


def _words(text: str) -> set[str]:
    """Return the words that identify a name, without titles."""
    cleaned = "".join(letter if letter.isalnum() else " " for letter in text.casefold())
    return {word for word in cleaned.split() if word not in {"dr", "the", "of", "and", "with", "mr", "mrs", "ms"}}


def _best_named(pool: Iterable[Business], name: str) -> "list[Business]":
    """Businesses that share the most words with `name`, best first; at least half of its words must be shared."""
    words = _words(name)
    if not words:
        return []
    scored: list[tuple[int, Business]] = []
    for business in pool:
        candidates = [business.name, *(provider.name for provider in business.providers)]
        score = max(len(words & _words(candidate)) for candidate in candidates)
        if score * 2 >= len(words):
            scored.append((score, business))
    best = max((score for score, _ in scored), default=0)
    return [business for score, business in scored if score == best]
