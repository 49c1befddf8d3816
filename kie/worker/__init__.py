"""The scheduler with the two halves of a job: submit, then poll and download; and the check of files."""
