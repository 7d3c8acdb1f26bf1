"""The assistant: answers people who want an appointment, and keeps the businesses' calendars."""
