"""The hooks that every service adds to its app before its own."""

from flask import Flask

from services.telemetry import Telemetry
from services.web import body_transfer, hosts, problem_types, problems


def init_app(app: Flask, telemetry: Telemetry, on_problem: problems.OnProblem | None = None) -> None:
    """Add telemetry, problem documents and their pages, trusted hosts and checks of a body's transfer, in this order.

    Args:
        app: without hooks.
        telemetry: of the service.
        on_problem: called with each problem before it is sent.
    """
    telemetry.init_app(app)
    problems.init_app(app, on_problem)
    problem_types.init_app(app)
    hosts.init_app(app, telemetry)
    body_transfer.init_app(app)
