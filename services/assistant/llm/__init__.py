"""The client of the model provider."""
