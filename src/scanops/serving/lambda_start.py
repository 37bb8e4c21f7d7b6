"""What AWS Lambda's runtime imports: `scanops.serving.lambda_start.handler`. Importing it loads the model.

SCANOPS_BUNDLE names the bundle, SCANOPS_BASE_PATH what the gateway puts before each path.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from scanops.serving.app import create_app
from scanops.serving.lambda_handler import Handler

handler = Handler(
    create_app(Path(os.environ.get("SCANOPS_BUNDLE", "data/bundle"))),
    os.environ.get("SCANOPS_BASE_PATH", "/"),
)
# The runtime's own handler passes warnings alone unless told otherwise; polling until ready is no news.
logging.getLogger("scanops").setLevel(logging.INFO)
