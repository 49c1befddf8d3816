"""Prompts: choices and placeholders, batch tables, templates."""
