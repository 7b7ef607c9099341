"""The extending subscription: what all functions share."""
