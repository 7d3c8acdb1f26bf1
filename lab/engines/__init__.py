"""The two ways to run the lab: containers or native processes. Both read docker-compose.yml."""
