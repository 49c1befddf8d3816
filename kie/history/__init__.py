"""What a list of jobs is asked for: by an address, and by words."""
