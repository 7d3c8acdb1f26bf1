"""Tables, notifications and timeline entries."""
