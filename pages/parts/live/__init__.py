"""Components that update themselves, and the settings of a visitor's browser."""
