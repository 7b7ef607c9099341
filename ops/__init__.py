"""What an operator does by hand: load, redrive; and what is generated from the code."""
