"""The EKS cluster and its GPU pools: instance types, zones, interfaces, shares of a GPU."""
