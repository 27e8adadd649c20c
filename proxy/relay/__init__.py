"""The provider's answer on its way to the client, and what it says of its usage."""
