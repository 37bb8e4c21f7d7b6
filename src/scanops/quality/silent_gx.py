"""Great Expectations, told before it is imported that a hospital's data checks report to nobody."""

from __future__ import annotations

import os

# Read when the package is imported.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
import great_expectations as gx
from great_expectations import expectations as gxe
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.expectations import registry

__all__ = ["RunIdentifier", "gx", "gxe", "registry"]
