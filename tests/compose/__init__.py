"""The lab on a real container engine: `make test-compose`."""
