"""The operator's tools, commands of one program: `extending --help`."""
