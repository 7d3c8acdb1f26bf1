"""Cities and the few regions they belong to. `region` is a metric and dashboard dimension, so it stays bounded."""

_CITIES = {
    "bay-north": (
        "Santa Rosa, Napa, Petaluma, Sonoma, Novato, San Rafael, Larkspur, Healdsburg, Corte Madera, Mill Valley, "
        "Sausalito, Vallejo, Fairfield, Vacaville, Benicia, Rohnert Park, Sebastopol, St. Helena, Sacramento"
    ),
    "bay-east": (
        "Oakland, Berkeley, Fremont, Walnut Creek, Antioch, Castro Valley, San Ramon, Pleasanton, Concord, Hayward, "
        "Martinez, Livermore, Pittsburg, Danville, San Leandro, Dublin, Lafayette, Alameda, Union City, Emeryville, "
        "El Cerrito, Albany, Newark, Richmond, Pleasant Hill, Orinda, Moraga, Brentwood, Oakley, Hercules"
    ),
    "bay-south": (
        "San Jose, Sunnyvale, Mountain View, Los Gatos, Palo Alto, Santa Clara, Campbell, Gilroy, Cupertino, "
        "Morgan Hill, Milpitas, Saratoga, Los Altos, Santa Cruz, Monterey, Salinas"
    ),
    "bay-west": (
        "San Francisco, Redwood City, San Mateo, Burlingame, Menlo Park, Daly City, Pacifica, South San Francisco, "
        "San Carlos, Belmont, Foster City, Millbrae, San Bruno, Half Moon Bay"
    ),
    "pacific": "Los Angeles, San Diego, Seattle, Portland, Las Vegas, Fresno, Honolulu, Anchorage",
    "mountain": "Denver, Phoenix, Salt Lake City, Albuquerque, Boise",
    "central": "Chicago, Houston, Austin, Dallas, Minneapolis, New Orleans, Nashville, St. Louis",
    "eastern": "New York, Boston, Philadelphia, Atlanta, Miami, Washington, Detroit, Charlotte, Pittsburgh",
}

REGION_OF_CITY = {city.strip().casefold(): region for region, cities in _CITIES.items() for city in cities.split(",")}
REGIONS = tuple(_CITIES)

ZONE_OF_REGION = {
    **dict.fromkeys(REGIONS, "America/Los_Angeles"),
    "mountain": "America/Denver",
    "central": "America/Chicago",
    "eastern": "America/New_York",
}
# Cities whose zone is not that of their region.
ZONE_OF_CITY = {
    "phoenix": "America/Phoenix",
    "honolulu": "Pacific/Honolulu",
    "anchorage": "America/Anchorage",
    "boise": "America/Boise",
    "detroit": "America/Detroit",
}
