"""SageMaker: models, endpoints, inference components, and what they scale on."""
