"""What makes a service seen: metrics, JSON logs and traces, set up once for all of our services.

    settings = TelemetrySettings()
    telemetry = Telemetry.from_settings(settings)
    telemetry.init_app(app)          # before the app's own hooks, so that its measurements wrap them

Names of metrics, labels, spans and log kinds stand in `names`.
"""

from services.telemetry.core import Telemetry, get_telemetry, log_event
from services.telemetry.labels import LabelGuard
from services.telemetry.settings import TelemetrySettings

__all__ = ["LabelGuard", "Telemetry", "TelemetrySettings", "get_telemetry", "log_event"]
