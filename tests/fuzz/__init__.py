"""Long searches for what breaks: `make fuzz` and `make test-api`."""
