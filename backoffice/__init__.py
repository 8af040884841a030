"""The Django project, and what all apps stand on: settings, secrets, remotes, and the sync between rows and them."""

__version__ = "0.1.0"  # as pyproject.toml has it
