"""A rule-based dialogue that arranges appointments through tools. It is stateless: all follows from the messages."""

from services.model.dialogue.engine import Answer, ToolCall, fingerprint, respond

__all__ = ["Answer", "ToolCall", "fingerprint", "respond"]
