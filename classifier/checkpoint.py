"""Checkpoints: weights in a safetensors file whose header says what they are.

A checkpoint holds an encoder, or an encoder with a head that names classes. Its weights are stored
as safetensors, and all that is to be known of them as JSON in the metadata of that file, so that
loading executes nothing that came with the file: no pickle, no code, no import by name. What the
header says is held against what the file holds before anything is computed with it.

Weights can be stored as float16, which halves the file (22 MB for ResNet18) and changes each by
less than a part in two thousand; biases and the statistics of batch normalisation stay float32.
Whatever the file has, models come back as float32.
"""

from classifier.checkpoint_header import HEADS, Header
from classifier.checkpoint_weights import (
    Checkpoint,
    build_model,
    load_checkpoint,
    save_checkpoint,
)
from classifier.loaded_model import LoadedModel, load_model

__all__ = [
    "HEADS",
    "Checkpoint",
    "Header",
    "LoadedModel",
    "build_model",
    "load_checkpoint",
    "load_model",
    "save_checkpoint",
]
