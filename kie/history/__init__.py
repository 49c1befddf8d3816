"""Queries for lists of jobs, and full-text search."""
