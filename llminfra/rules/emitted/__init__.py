"""Pages of findings that other rooms make themselves: loading, planning, and the policy check."""
