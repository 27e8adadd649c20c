"""The Credits page: who sees it, its parts, and what can be changed on it."""
