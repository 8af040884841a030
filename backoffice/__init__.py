"""The Django project, and what all apps stand on: settings, secrets, remotes, and the sync between rows and them."""
