"""One thin entry point a stage or operation: parse, load the section, call, write the report."""
