"""The VPC and the AWS services that private nodes reach from it."""
