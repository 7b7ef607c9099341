"""`make bench`: times and costs, as ratios to floors measured in the same minutes."""
