"""Shared by the tests, the benches, the generators and the tools; it imports none of them."""
