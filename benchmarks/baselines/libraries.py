"""Imports what the service's worker has imported, where a bare worker is to have that, too."""

import importlib
import os

for name in os.environ["BENCHMARK_LIBRARIES"].split():
    importlib.import_module(name)
