"""Layers and towers of single model families, where they are not what every family has."""
