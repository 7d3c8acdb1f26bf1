"""Addresses of a lab's servers, and the clients of all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

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
from lab.settings import LabSettings

SERVICES = ("assistant", "model", "pager", "prometheus", "alertmanager", "loki", "tempo", "grafana")


@dataclass(frozen=True)
class Endpoints:
    """Addresses by service name, the admin token, and the folder of the Collector's span file (None in compose)."""

    urls: Mapping[str, str]
    admin_token: str = ""
    span_folder: Path | None = None

    @classmethod
    def of(cls, settings: LabSettings, admin_token: str = "") -> "Endpoints":
        """Return the endpoints of a lab; `lab.engines.choice.connect` reads the admin token."""
        folder = None if settings.engine() == "compose" else settings.volume("collector-data") / "spans"
        return cls({name: settings.url(name) for name in SERVICES}, admin_token, folder)


class Lab:
    """The clients of one lab, which share one pool of connections."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        client, token = new_client(), endpoints.admin_token
        url = {name: endpoints.urls.get(name, "") for name in SERVICES}
        self.prometheus = Prometheus("prometheus", url["prometheus"], client)
        self.alertmanager = Alertmanager("alertmanager", url["alertmanager"], client)
        self.loki = Loki("loki", url["loki"], client)
        self.tempo = Tempo("tempo", url["tempo"], client)
        self.pager = Pager("pager", url["pager"], client)
        self.assistant = Assistant("assistant", url["assistant"], token, client)
        self.model = Service("model", url["model"], token, client)

    def service(self, name: str) -> Service:
        """Return the client of a service with an admin API: assistant or model."""
        return {"assistant": self.assistant, "model": self.model}[name]

    def traces(self) -> TraceSource:
        """Return Tempo if it is ready, else the Collector's span file.

        Raises:
            ServerMissing: there is neither.
        """
        if self.tempo.ready():
            return self.tempo
        if self.endpoints.span_folder is None:
            raise ServerMissing("tempo", self.tempo.url, "it is not ready, and there is no span file in its place")
        return SpanFile(self.endpoints.span_folder)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return those of the named servers that are not ready; `traces` means Tempo or the span file."""
        return [name for name in names if not self._ready(name)]

    def _ready(self, name: str) -> bool:
        if name == "traces":
            folder = self.endpoints.span_folder
            return self.tempo.ready() or (folder is not None and folder.is_dir())
        clients = (self.prometheus, self.alertmanager, self.loki, self.tempo, self.pager, self.assistant, self.model)
        return next(client for client in clients if client.name == name).ready()
