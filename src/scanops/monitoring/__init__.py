"""What happens to a bundle once it answers: features of requests, their store, and drift."""
