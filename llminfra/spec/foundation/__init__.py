"""What all of a platform stands on: network, registry of images, Terraform state, observability, accepted findings."""
