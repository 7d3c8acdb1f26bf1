"""Native mode: the servers of docker-compose.yml as ordinary processes, for machines without a container engine."""
