"""HTTP beside the pages: routes, JSON for components, downloads; and what guards every connection."""
