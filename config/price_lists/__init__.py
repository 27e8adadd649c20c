"""Price lists of providers, in JSON. Each shape is a file here and one line in `reading.py`."""
