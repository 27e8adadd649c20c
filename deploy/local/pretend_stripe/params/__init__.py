"""The parameters of each request that the pretend Stripe understands."""
