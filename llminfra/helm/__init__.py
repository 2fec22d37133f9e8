"""Helm without a network: find the binary, lint and render the in-repo charts, validate what comes out."""
