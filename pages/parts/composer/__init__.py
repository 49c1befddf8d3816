"""The form: prompt, fields, batch table, and its submission."""
