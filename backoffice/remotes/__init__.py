"""The outside world: HTTP and wire formats of the remotes. Nothing here imports Django or our models."""
