"""Metrics, JSON logs and traces of a service, set up the same in all of our services.

    settings = TelemetrySettings()
    telemetry = Telemetry.from_settings(settings)
    telemetry.init_app(app)          # before the app's own hooks: its measurements include them

Names of metrics, labels, spans and log kinds are in `names`.
"""

from services.telemetry.core import Telemetry, get_telemetry
from services.telemetry.labels import CardinalityLimiter
from services.telemetry.settings import TelemetrySettings

__all__ = ["CardinalityLimiter", "Telemetry", "TelemetrySettings", "get_telemetry"]
