"""What a list of jobs is asked for, and its exports. Knows no database."""
