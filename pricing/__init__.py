"""Pure arithmetic: usage, rates, quotes and charges. Knows no HTTP and no database."""
