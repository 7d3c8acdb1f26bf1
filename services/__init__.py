"""Our services, one package each; `telemetry`, `web` and `storage` are shared."""
