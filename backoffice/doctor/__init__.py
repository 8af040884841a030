"""What is wrong and what to do, in plain words, for whoever runs this back office: `manage.py doctor`.

A check is a function that yields findings, registered by `findings.check`; each module holds the checks of one subject.
It changes nothing, and a finding never holds a secret.
"""
