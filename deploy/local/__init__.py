"""Everything on one machine: the engines and the pretend parts of `make run`."""
