"""The scenarios, one class a file. `lab scenario list` shows them; `loadtest.scenario` says what each word means."""
