"""What a Lustre file system and those who mount it reach each other by."""

from __future__ import annotations

LUSTRE_PORTS = ((988, 988), (1018, 1023))
"""First and last port of each range (FSx for Lustre User Guide, "File system access control with Amazon VPC")."""
