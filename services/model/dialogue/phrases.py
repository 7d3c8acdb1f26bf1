"""The wordings of each act of the model, and how an act is recognised in the history of a conversation."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from services.model.dialogue.text import word_set

# Dialogue act -> wordings. The act is the context in which the next user message is parsed.
PHRASES: Final[Mapping[str, tuple[str, ...]]] = {
    # Questions
    "greet": (
        "Hello! I can book, move or cancel an appointment for you. What would you like?",
        "Hi! Shall I find you an appointment, or change one you have?",
    ),
    "help": (
        "I can find a business, offer free times, and book, move or cancel your appointments. What can I do for you?",
        "I look after appointments: new ones, changes and cancellations. What do you need?",
    ),
    "ask_kind": (
        "What kind of appointment do you need: hair, dentist, doctor or therapist?",
        "Who would you like to see: a hair stylist, a dentist, a doctor or a therapist?",
    ),
    "ask_city": (
        "In which city should I look for a {noun}? If you have a place in mind, tell me its name.",
        "Which city would suit you for a {noun}? You can also name a place.",
    ),
    "offer": (
        "There is {name} in {city}. Would you like an appointment there?",
        "How about {name} in {city}? Shall I look for a time there?",
    ),
    "confirm_offer": (
        "I found {name} in {city} for you. Shall I book {when} there?",
        "How about {name} in {city} on {when}? Would you like me to book that?",
    ),
    "ask_other": (
        "All right. Shall I look for another place, or in another city?",
        "No problem. Would another place or another city be better?",
    ),
    "no_more": (
        "That was the last {noun} I know in {city}. Which other city may I try?",
        "I have no further {noun} in {city}. Is there another city I should try?",
    ),
    "not_found": (
        "I could not find a {noun} in {city}. Which other city may I try?",
        "There is no {noun} in {city} on my list. Is there another city that works for you?",
    ),
    "name_not_found": (
        "I do not know a place called {name}. In which city should I look?",
        "{name} is not on my list. Which city should I search instead?",
    ),
    "ask_when": (
        "What day and time would you like at {name}?",
        "When would you like to come to {name}? A day and a time, please.",
    ),
    "ask_day": (
        "Which day would you like to come at {time}?",
        "For {time}, on which day?",
    ),
    "slots": (
        "At {name} these times are free: {options}. Which one suits you?",
        "{name} is free at these times: {options}. Which do you prefer?",
    ),
    "next_slots": (
        "{name} has nothing free on {day}. I could offer {options}. Which one suits you?",
        "On {day} there is nothing free at {name}. The next free times are {options}. Which do you prefer?",
    ),
    "no_slots": (
        "{name} has nothing free on {day}. Which other day works for you?",
        "I see no free time at {name} on {day}. Is there another day?",
    ),
    "confirm": (
        "{name}, {when}: shall I book it?",
        "So that is {name} on {when}. May I book that for you?",
    ),
    "taken": (
        "I am sorry, that time is not free. {name} could see you {options}. Does that work?",
        "Unfortunately that is no longer free. At {name} I can offer {options}. Would that be all right?",
    ),
    "closed": (
        "{name} is closed then. They could see you {options}. Would you like that?",
        "At that time {name} is not open. I could offer {options}; shall I book it?",
    ),
    "unavailable": (
        "I am sorry, {name} cannot see you then. Which other day or time works for you?",
        "That time is not possible at {name}. Is there another day or time that suits you?",
    ),
    "past": (
        "That time has already passed. Which day and time would you like instead?",
        "I cannot book in the past. When else would suit you?",
    ),
    "ask_change": (
        "What should I change: the day, the time or the place?",
        "All right, not yet. Would you like a different day, time or place?",
    ),
    "ask_which": (
        "You have these appointments: {appointments}. Which one do you mean?",
        "I see several: {appointments}. Which of them is it?",
    ),
    "ask_move_to": (
        "To which day and time should I move your appointment {appointment}?",
        "Your appointment is {appointment}. When would you like it instead?",
    ),
    "confirm_move": (
        "I would move your appointment to {when}. Is that right?",
        "Your new time would be {when}. Shall I move it?",
    ),
    "confirm_cancel": (
        "Shall I cancel your appointment {appointment}?",
        "You want me to cancel the appointment {appointment}, is that right?",
    ),
    # Reports
    "booked": (
        "Done: you are booked at {name} on {when}. Is there anything else?",
        "Your appointment at {name} is booked for {when}. Can I do anything else for you?",
    ),
    "moved": (
        "Your appointment is now on {when}. Is there anything else?",
        "Moved: they expect you on {when}. Can I do anything else?",
    ),
    "cancelled": (
        "Your appointment is cancelled. Is there anything else?",
        "I have cancelled it. Can I do anything else for you?",
    ),
    "kept": (
        "All right, everything stays as it is. Is there anything else?",
        "Fine, I leave it unchanged. Can I help with anything else?",
    ),
    "appointments": (
        "Your appointments: {appointments}. Would you like to change one?",
        "You have {appointments}. Shall I change anything?",
    ),
    "no_appointments": (
        "You have no appointments at the moment. Shall I book one?",
        "I see no appointment of yours. Would you like to make one?",
    ),
    "handed_over": (
        "I have asked a colleague to take over; someone will get in touch with you shortly.",
        "A person from our team will take over from here and contact you soon.",
    ),
    "welcome": (
        "You are welcome! Is there anything else?",
        "My pleasure. Anything else I can do?",
    ),
    "anything_else": (
        "Can I help with anything else?",
        "What else can I do for you?",
    ),
    "bye": (
        "Thank you, and have a good day!",
        "Goodbye, and take care!",
    ),
    "bot": (
        "I am the booking assistant, a program, and doing well.",
        "I am a computer program that looks after appointments.",
    ),
    # Remarks: they precede a question and do not change its act.
    "no_answer": (
        "I do not have the {topics} at hand; the office will gladly tell you.",
        "I am afraid I cannot tell you the {topics} here.",
    ),
    "answer": (
        "For {name}, the {topic} is {value}.",
        "The {topic} of {name} is {value}.",
    ),
    "misunderstood": (
        "Sorry, I did not understand that.",
        "I am not sure what you mean.",
    ),
    "emergency": (
        "If this is an emergency, please call your local emergency number right now. I can only make appointments.",
        "That sounds urgent: please call the emergency services at once. I can only arrange appointments.",
    ),
    "advice": (
        "I cannot give medical advice, but I can find you an appointment with someone who can.",
        "That is a question for a professional; I can only arrange the appointment.",
    ),
    "refuse": (
        "I can only help with your own appointments.",
        "That is not something I can do; I look after your own appointments only.",
    ),
    "none_there": (
        "There is none in {wish} that I know.",
        "I know none in {wish}.",
    ),
    "trouble": (
        "I am sorry, I cannot do that at the moment. Please try again in a little while.",
        "Something is not working on my side right now. Please try again shortly.",
    ),
}
REMARKS: Final = word_set("no_answer answer misunderstood emergency advice refuse bot none_there")


def _recogniser(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", template)
    return re.compile(".+?".join(re.escape(part) for part in parts), re.DOTALL)


_RECOGNISERS: Final = [
    (act, _recogniser(wording)) for act, wordings in PHRASES.items() if act not in REMARKS for wording in wordings
]
# Questions of another provider's model, which may have sent earlier messages.
_FOREIGN: Final = [
    (act, re.compile(pattern, re.IGNORECASE))
    for act, pattern in (
        ("confirm", r"\b(?:confirm|is (?:that|this) (?:right|correct)|shall i book|should i book|may i book)\b"),
        ("ask_city", r"\b(?:which|what) (?:city|area|town)\b[^.]*\?|\bwhere\b[^.]*\?"),
        ("ask_kind", r"\bwhat kind\b[^.]*\?"),
        ("ask_when", r"\b(?:day|date)\b[^.]*\btime\b[^.]*\?|\bwhen\b[^.]*\?"),
        ("ask_day", r"\b(?:day|date)\b[^.]*\?"),
        ("ask_time", r"\btime\b[^.]*\?"),
        ("offer", r"\b(?:how about|would you like (?:an|to))\b[^.]*\?"),
    )
]


def render(act: str, number: int, **fields: str) -> str:
    """Return a wording of the act with its fields; the number chooses the wording."""
    wordings = PHRASES[act]
    return wordings[number % len(wordings)].format(**fields)


@lru_cache(maxsize=2048)
def recognise(text: str) -> str | None:
    """Return the act of the last sentence of an assistant message, or None."""
    matches = [(match.end(), act) for act, pattern in _RECOGNISERS if (match := pattern.search(text))]
    if matches:
        return max(matches, key=lambda found: found[0])[1]
    return next((act for act, pattern in _FOREIGN if pattern.search(text)), None)
