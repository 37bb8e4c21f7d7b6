"""Tracking, the container engine, and the image."""
