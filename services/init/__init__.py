"""The one-shot that writes missing secrets before the services start (compose only)."""
