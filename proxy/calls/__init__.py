"""What a client asks for: its body, read strictly."""
