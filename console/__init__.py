"""The people side: the customer API, the operator API and the Credits page."""
