"""The books as files: usage and entries as tables in several formats, and the journal."""
