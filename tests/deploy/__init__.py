"""Deployments to real hosts, which `make test-deploy` runs."""
