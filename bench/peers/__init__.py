"""What one would pick instead, each in its own words: `grant` gives an extension to one caller of a subscription."""
