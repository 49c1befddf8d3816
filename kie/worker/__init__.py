"""The scheduler, the two halves of a job (submit; poll and download), and the integrity check."""
