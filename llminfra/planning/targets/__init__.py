"""Work beside endpoints: queues in front of them, offline jobs on AWS Batch, and models that Bedrock hosts."""
