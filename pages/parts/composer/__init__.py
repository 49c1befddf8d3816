"""The form: prompt, fields, batch table, and what a press of Generate does."""
