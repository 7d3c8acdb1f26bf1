"""A rule-based dialogue that arranges appointments through tools. It keeps no state: all follows from the messages."""

from services.model.dialogue.engine import Answer, Choice, ToolCall, fingerprint, respond

__all__ = ["Answer", "Choice", "ToolCall", "fingerprint", "respond"]
