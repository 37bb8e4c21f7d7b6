"""The manifest and what fills it: sources, layout, scan, duplicates, splits."""
