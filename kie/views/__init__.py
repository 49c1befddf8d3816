"""Data for display, as JSON and text: cards, reference tiles, amounts, times."""
