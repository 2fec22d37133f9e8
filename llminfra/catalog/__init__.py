"""Facts as data, with typed look-up: instances, GPUs, prices, regions, EKS, quotas, engine versions, chart pins.

Nothing here decides anything and nothing here reads the network: every fact sits in ``catalog/data`` with the place
it was taken from. The scripts that write those files are in ``scripts/`` of the repository.
"""
