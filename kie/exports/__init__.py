"""Exports of jobs: lists for spreadsheets and scripts, and zips of pictures."""
