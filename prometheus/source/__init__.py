"""The source of the SLO rules: specifications in slos.yml, one template for all."""
