"""HTTP routes beside the pages: API, downloads, uploads; and the middleware for all connections."""
