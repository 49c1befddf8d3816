"""What the pages show, as JSON and words: cards, reference tiles, amounts, times."""
