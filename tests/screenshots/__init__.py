"""The pictures of the Credits page in the documentation, taken of a stack of their own."""
