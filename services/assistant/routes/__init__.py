"""The HTTP routes of the assistant, one module per group."""
