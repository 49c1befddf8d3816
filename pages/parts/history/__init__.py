"""The history's filters, selection and view."""
