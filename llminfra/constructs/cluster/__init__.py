"""EKS: control plane, access, add-ons, node groups, and what controllers in it may do."""
