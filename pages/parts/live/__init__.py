"""What changes by itself, and what belongs to a visitor's browser."""
