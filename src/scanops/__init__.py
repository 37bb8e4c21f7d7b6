"""From a folder of medical scans to a deployed, traceable image classifier."""
