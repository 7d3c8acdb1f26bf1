"""Where the servers of a lab are, and one object that holds the clients for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from lab.query.alertmanager import Alertmanager
from lab.query.errors import ServerMissing
from lab.query.http import new_client
from lab.query.loki import Loki
from lab.query.pager import Pager
from lab.query.prometheus import Prometheus
from lab.query.services import Assistant, Service
from lab.query.spanfile import SpanFile
from lab.query.tempo import Tempo
from lab.query.traces import TraceSource

SERVICES = ("assistant", "model", "pager", "prometheus", "alertmanager", "loki", "tempo", "grafana")


class Settings(Protocol):
    """What is needed of the lab's settings."""

    def url(self, service: str) -> str:
        """Return the address of a service as the host sees it."""
        ...

    def volume(self, name: str) -> Path:
        """Return where native mode keeps a volume."""
        ...

    def engine(self) -> str | None:
        """Return the engine that the lab runs on, compose or native; None when it does not run."""
        ...


@dataclass(frozen=True)
class Endpoints:
    """Addresses by service name, the admin token, and the folder of the Collector's span file (None in compose)."""

    urls: Mapping[str, str]
    admin_token: str = ""
    span_folder: Path | None = None

    @classmethod
    def of(cls, settings: Settings, admin_token: str = "") -> "Endpoints":
        """Return the endpoints of a lab; `lab.engines.choice.connect` reads the admin token."""
        folder = None if settings.engine() == "compose" else settings.volume("collector-data") / "spans"
        return cls({name: settings.url(name) for name in SERVICES}, admin_token, folder)


class Lab:
    """The clients of one lab, made when they are first used and sharing one pool of connections."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._client = new_client()

    @cached_property
    def prometheus(self) -> Prometheus:
        """Prometheus."""
        return Prometheus("prometheus", self._url("prometheus"), self._client)

    @cached_property
    def alertmanager(self) -> Alertmanager:
        """Alertmanager."""
        return Alertmanager("alertmanager", self._url("alertmanager"), self._client)

    @cached_property
    def loki(self) -> Loki:
        """Loki."""
        return Loki("loki", self._url("loki"), self._client)

    @cached_property
    def tempo(self) -> Tempo:
        """Tempo, which is not part of every native lab: see `traces`."""
        return Tempo("tempo", self._url("tempo"), self._client)

    @cached_property
    def pager(self) -> Pager:
        """The pager."""
        return Pager("pager", self._url("pager"), self._client)

    @cached_property
    def assistant(self) -> Assistant:
        """The assistant."""
        return Assistant("assistant", self._url("assistant"), self.endpoints.admin_token, self._client)

    @cached_property
    def model(self) -> Service:
        """The model server."""
        return Service("model", self._url("model"), self.endpoints.admin_token, self._client)

    def service(self, name: str) -> Service:
        """Return a service of ours that has an admin API: assistant or model."""
        return {"assistant": self.assistant, "model": self.model}[name]

    def traces(self) -> TraceSource:
        """Return Tempo where it is ready, else the Collector's span file; ServerMissing when there is neither."""
        if self.tempo.ready():
            return self.tempo
        if self.endpoints.span_folder is None:
            raise ServerMissing("tempo", self.tempo.url, "it is not ready, and there is no span file in its place")
        return SpanFile(self.endpoints.span_folder)

    def missing(self, names: tuple[str, ...]) -> list[str]:
        """Return those of the named servers that are not ready now; `traces` means Tempo or the span file."""
        return [name for name in names if not self._ready(name)]

    def _ready(self, name: str) -> bool:
        if name == "traces":
            folder = self.endpoints.span_folder
            return self.tempo.ready() or (folder is not None and folder.is_dir())
        clients = (self.prometheus, self.alertmanager, self.loki, self.tempo, self.pager, self.assistant, self.model)
        return next(client for client in clients if client.name == name).ready()

    def _url(self, name: str) -> str:
        return self.endpoints.urls[name]
