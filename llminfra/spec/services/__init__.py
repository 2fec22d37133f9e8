"""What is offered around endpoints and beside them: gateways, queues, batch jobs, models of Bedrock."""
