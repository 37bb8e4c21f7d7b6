"""What AWS Lambda's runtime imports: `scanops.serving.lambda_start.handler`. Importing it loads the model.

SCANOPS_BUNDLE names the bundle, SCANOPS_BASE_PATH what the gateway puts before each path; tokens, rates and
hosts to fetch from are set as everywhere, see `options`.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from scanops.serving import options
from scanops.serving.app import create_app
from scanops.serving.lambda_handler import Handler

handler = Handler(
    create_app(Path(os.environ.get("SCANOPS_BUNDLE", "data/bundle")), options=options.from_environment()),
    os.environ.get("SCANOPS_BASE_PATH", "/"),
)
# The runtime's own handler passes warnings alone unless told otherwise; polling until ready is no news.
logging.getLogger("scanops").setLevel(logging.INFO)
