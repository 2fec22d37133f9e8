"""The simulated providers' process: Terraform's plugin protocol 6 over gRPC.

``serve`` is the process, ``servicer`` the protocol, ``planning`` what every provider's plan has in common, ``values``
the encoding, ``contract`` what a simulated provider must do.
"""
