"""`make bench`: how long things take and what they cost, as ratios to floors measured in the same minutes."""
