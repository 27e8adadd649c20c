"""Accounts, reservations, settlements and entries: where credits are kept."""
