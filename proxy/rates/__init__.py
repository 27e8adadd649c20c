"""The rates in force: who decides on them, how processes learn of them, when they switch."""
