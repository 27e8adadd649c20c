"""What operators tune, and the code that reads it."""
