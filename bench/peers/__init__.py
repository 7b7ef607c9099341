"""Other means for the same grant, each in its own words."""
