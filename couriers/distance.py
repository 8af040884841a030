"""How far two places on earth are from each other; the same for tracks and for routes."""

from math import asin, cos, radians, sin, sqrt

Place = tuple[float, float]  # latitude and longitude, degrees
EARTH_RADIUS = 6_371_008.8  # metres, the mean one


def metres(a: Place, b: Place) -> float:
    """Along the earth's surface, as the crow flies."""
    (lat_a, lng_a), (lat_b, lng_b) = ((radians(lat), radians(lng)) for lat, lng in (a, b))
    chord = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lng_b - lng_a) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(min(1.0, sqrt(chord)))
