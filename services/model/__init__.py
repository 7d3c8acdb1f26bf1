"""An OpenAI-compatible model server with a rule-based dialogue and faults that can be switched on."""
