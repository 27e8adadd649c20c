"""The providers behind the proxy: how they are spoken to."""
