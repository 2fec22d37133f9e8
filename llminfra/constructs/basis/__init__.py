"""What every stack is made of: scopes, names, state, providers, roles, keys, security groups, topics and queues."""
