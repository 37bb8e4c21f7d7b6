"""The service beside its peers: same machine, weights, pictures and client, by turns."""
