"""What an operator does by hand: tools of one kind, run by make; what each needs stands in docs/reference.md."""
