"""The studio without its pages: job queue, worker, API client, storage, search and HTTP routes."""
