"""What every endpoint of `/api/v1/` stands on; the endpoints themselves are in `api.py` of each app."""
