"""EC2 instances under the engines: launch templates, user data, security groups, Auto Scaling groups."""
