"""The extending subscription: what all functions share."""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # What a cold start imports is there to stay: looking for garbage in it only takes time. runtime.py, the last to be
    # imported, turns the collector on again.
    gc.disable()
