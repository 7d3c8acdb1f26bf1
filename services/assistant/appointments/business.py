"""Businesses: read once from the database, then never changed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.assistant.appointments.cities import REGION_OF_CITY
from services.assistant.storage.database import DatabaseUnavailableError
from services.assistant.storage.tables import BusinessRow, ProviderRow

KINDS = ("hair", "dentist", "doctor", "therapist")
# For the lab's own checks and its synthetic journey: always open, and left out of business metrics
# (names.APPOINTMENTS and the like).
PROBE_BUSINESSES = ("lab-doctor", "lab-journey")
# Words of names that identify neither a business nor a person.
_STOP_WORDS = {"dr", "the", "of", "and", "with", "mr", "mrs", "ms"}


@dataclass(frozen=True)
class Provider:
    """A person of a business who takes appointments."""

    id: str
    name: str


@dataclass(frozen=True)
class Business:
    """A business.

    `hours` maps a weekday (0 is Monday) to minutes after local midnight (opens, closes); `minutes` is the length of an
    appointment.
    """

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
        """The time zone of its opening hours (zoneinfo caches it)."""
        return ZoneInfo(self.time_zone)

    @property
    def duration(self) -> timedelta:
        """The length of an appointment."""
        return timedelta(minutes=self.minutes)

    @property
    def is_probe(self) -> bool:
        """Whether it exists for probes only."""
        return self.id in PROBE_BUSINESSES

    def identity(self) -> dict[str, Any]:
        """Return the fields that identify it, for the model's context."""
        return {key: getattr(self, key) for key in ("id", "name", "kind", "city", "time_zone")}

    def brief(self) -> dict[str, Any]:
        """Return the fields for the model's search result: few, because each turn sends them again."""
        return {
            **self.identity(),
            "address": self.address,
            "phone": self.phone,
            "services": self.services,
            "providers": [provider.name for provider in self.providers],
        }

    def provider(self, id_or_name: str | None) -> Provider | None:
        """Return the provider with this id or (part of a) name."""
        if not id_or_name:
            return None
        words = _words(id_or_name)
        named = next((provider for provider in self.providers if words and words <= _words(provider.name)), None)
        return self.provider_by_id(id_or_name) or named

    def provider_by_id(self, provider_id: str) -> Provider | None:
        """Return the provider with this id."""
        return next((provider for provider in self.providers if provider.id == provider_id), None)


class SearchResult(NamedTuple):
    """Result of a search. `nearby`: the city has none, and these are from its region."""

    businesses: list[Business]
    nearby: bool = False


class Directory:
    """All businesses, searchable. Until `load` has read them, each search raises DatabaseUnavailableError."""

    def __init__(self) -> None:
        self._loaded: dict[str, Business] | None = None

    def load(self, session: Session) -> None:
        """Read businesses and providers from the database."""
        providers: dict[str, list[Provider]] = {}
        for row in session.scalars(select(ProviderRow).order_by(ProviderRow.id)):
            providers.setdefault(row.business_id, []).append(Provider(row.id, row.name))
        rows = session.scalars(select(BusinessRow).order_by(BusinessRow.id))
        self._loaded = {row.id: _business(row, providers.get(row.id, [])) for row in rows}

    def check_loaded(self) -> None:
        """Check whether the businesses were read.

        Raises:
            DatabaseUnavailableError: not yet; the database may start later than the assistant.
        """
        if self._loaded is None:
            raise DatabaseUnavailableError("not prepared yet")

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the businesses that were read."""
        return frozenset(self._loaded or ())

    @property
    def _businesses(self) -> dict[str, Business]:
        self.check_loaded()
        return self._loaded or {}

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
        """Return businesses in the order of their ids, probes last.

        Args:
            kind, region: None for all.
            limit: number of businesses at most.
            include_probes: whether the businesses for probes are among them.
        """
        chosen = [
            business
            for business in self
            if kind in (None, business.kind)
            and region in (None, business.region)
            and (include_probes or not business.is_probe)
        ]
        chosen.sort(key=lambda business: (business.is_probe, business.id))
        return chosen[:limit]

    def find(
        self, kind: str | None = None, city: str | None = None, name: str | None = None, limit: int = 5
    ) -> SearchResult:
        """Search as a user would.

        Args:
            kind: one of KINDS; None for all.
            city: when it has no business, those of its region are returned.
            name: (part of) the name of the business or of a provider. Only a search by name returns probes.
            limit: number of businesses at most.
        """
        pool = [business for business in self if kind in (None, business.kind) and (name or not business.is_probe)]
        if name:
            pool = _best_named(pool, name)
        if not city:
            return SearchResult(pool[:limit])
        wanted = " ".join(city.casefold().split())
        inside = [business for business in pool if business.city.casefold() == wanted]
        if inside:
            return SearchResult(inside[:limit])
        near = [business for business in pool if business.region == REGION_OF_CITY.get(wanted)]
        return SearchResult(near[:limit], nearby=bool(near))


def _business(row: BusinessRow, providers: Iterable[Provider]) -> Business:
    columns = {column.key: getattr(row, column.key) for column in BusinessRow.__table__.columns}
    columns["services"] = tuple(row.services)
    columns["hours"] = {int(day): (opens, closes) for day, (opens, closes) in row.hours.items()}
    return Business(**columns, providers=tuple(providers))


def _words(text: str) -> set[str]:
    """Return the words that identify a name, in lower case."""
    return set(re.findall(r"[^\W_]+", text.casefold())) - _STOP_WORDS


def _best_named(pool: Iterable[Business], name: str) -> "list[Business]":
    """Return the businesses that share the most words with `name`; at least half of its words must be shared."""
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
