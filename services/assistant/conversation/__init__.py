"""One turn of a conversation: prompt, tools, reply, fallback."""
