"""The parts of the Credits page: each is a file here with its template, and loads by itself."""
