"""The no-show model."""
