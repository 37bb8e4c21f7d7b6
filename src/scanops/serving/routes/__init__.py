"""What the service answers, an address family a file; each gives a router for one service."""
