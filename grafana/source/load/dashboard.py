"""The dashboard "The lab and its load": the users' view, the causes, then the resource usage."""

from grafana.source import links
from grafana.source.layout import build_dashboard
from grafana.source.load import client_and_server, faults, journey, overview, resource_usage, users

DASHBOARD = build_dashboard(
    "load",
    "The lab and its load",
    "What simulated users do and receive, what the service measures, and the active faults. Lab time: every "
    "window is the usual one divided by 12, so an hour is 5 minutes.",
    top=overview.PANELS,
    rows=[
        (
            "Client vs server: yellow is what users measured, blue what the service measured",
            client_and_server.PANELS,
        ),
        ("Fault injection", faults.PANELS),
        ("Traffic by user type and outcome", users.PANELS),
        ("Synthetic journey: one scripted customer books, reads and cancels, always", journey.PANELS),
        ("Resource usage: services and monitoring", resource_usage.PANELS),
    ],
    links=[
        links.SERVICE,
        links.SLO,
        links.logs_link("Switches", faults.AUDIT_LOG, "Who switched which fault, when: the audit log of this time"),
        links.RUNBOOKS,
    ],
)
