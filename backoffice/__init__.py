"""The Django project, and what all apps stand on: settings, secrets, the remotes, and the sync between rows and remotes."""
