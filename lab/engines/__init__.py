"""The engines of the lab: containers or native processes, both described by docker-compose.yml."""
