"""Recording rules, alerts and dashboards of a plan.

The engines call the same thing by different names, and by different names from release to release. Recording rules
built from the plan give each signal one name (``endpoint:llm_requests_waiting:sum``); dashboards and alerts know only
those. Which series stands behind a signal is decided here, against the table of the pinned release.
"""

from llminfra.observability.dashboards import dashboards_of as dashboards_of
from llminfra.observability.rules import rule_groups as rule_groups
