"""Unit, contract, functional and integration tests."""
