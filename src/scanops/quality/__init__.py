"""The verdict on the data, and the pages that show it."""
