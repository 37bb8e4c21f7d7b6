"""Speed of deployments."""
