"""Models of the Hugging Face Hub: configuration and exact bytes, without downloading any weights.

Needs the extra ``hub`` (``pip install 'llminfra[hub]'``); nothing else in llminfra asks the network.
"""

from llminfra.hub.fetch import FetchedModel, fetch_model
from llminfra.hub.model_file import read_model_file, write_model_file

__all__ = ["FetchedModel", "fetch_model", "read_model_file", "write_model_file"]
