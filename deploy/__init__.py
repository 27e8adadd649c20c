"""How Tollgate is run."""
