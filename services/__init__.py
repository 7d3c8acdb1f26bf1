"""The programs that we wrote, a package each; `telemetry` and `web` are what they share."""
