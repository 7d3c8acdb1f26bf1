"""What the policy may decide: to say something or to use a tool."""

from dataclasses import dataclass, field

from services.model.dialogue.state import Json


@dataclass(frozen=True)
class Say:
    """Say this act with these fields; `remarks` stand before it."""

    act: str
    fields: dict[str, str] = field(default_factory=dict)
    remarks: tuple["Say", ...] = ()

    def after(self, *remarks: "Say") -> "Say":
        """Return the same with remarks before it."""
        return Say(self.act, self.fields, (*remarks, *self.remarks))


@dataclass(frozen=True)
class Use:
    """Call this tool with these arguments."""

    tool: str
    arguments: Json = field(default_factory=dict)


Move = Say | Use
