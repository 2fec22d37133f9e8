"""Offline inference over files in the OpenAI batch format; started by AWS Batch as ``python3 -m batch_runner``.

Needs Python 3.11 and boto3 1.36 or newer, nothing else. ``docs/workloads.md`` has the settings, the files and the exit
codes.
"""
