"""Spreadsheet files: read for batch tables, written for exports."""
