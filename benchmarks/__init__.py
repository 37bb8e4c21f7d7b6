"""Side-by-side comparisons: each one command, each printing a ratio and the machine."""
