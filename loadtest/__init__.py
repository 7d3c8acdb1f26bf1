"""Users, load shapes and scenarios. Knows no service of the lab but the assistant's public HTTP API."""
