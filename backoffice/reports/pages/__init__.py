"""The reports, one in a file."""
