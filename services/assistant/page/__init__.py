"""The assistant's page: ten cards with the state of the service, and a chat box that books an appointment."""
