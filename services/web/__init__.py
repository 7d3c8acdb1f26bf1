"""What our Flask services share besides telemetry: problem documents, the admin door, faults, the server's settings."""
