"""Delayed inference: takes requests from SQS, asks an endpoint, puts the answer into S3 and tells SNS.

AWS Lambda calls ``async_consumer.handler.handle``; in a cluster ``python3 -m async_consumer`` does the same in a loop.
Needs Python 3.11 and boto3 1.36 or newer (conditional writes), nothing else. ``docs/workloads.md`` has the settings and
the contracts; the JSON schemas are beside this file.
"""
