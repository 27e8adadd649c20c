"""The objects of the API, complete: what Stripe has no value for is null."""
