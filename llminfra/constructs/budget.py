"""A monthly cost budget of the platform, and a topic that hears when it runs out."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Statement, policy_document
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.plan.labels import PLATFORM_TAG

_ALERTS = (("ACTUAL", 80.0), ("FORECASTED", 100.0), ("ACTUAL", 100.0))


def budget(make: Maker, *, usd_per_month: float, key: Key) -> str:
    """Budget what carries the platform's tag; returns the topic's ARN, for people to subscribe to.

    Costs follow the tag only once it is an active cost allocation tag, which the organization's payer account decides.
    """
    scope = make.scope
    topic = make(aws.SnsTopic, "budget", name=scope.name("budget"), kms_master_key_id=key.arn)
    arn = topic.arn
    document = policy_document(
        make,
        "budget-topic",
        [
            Statement(
                sid="BudgetsPublishes",
                actions=["sns:Publish"],
                resources=[arn],
                principals={"Service": ["budgets.amazonaws.com"]},
                conditions=[
                    ("StringEquals", "aws:SourceAccount", [scope.account_id]),
                    ("ArnLike", "aws:SourceArn", [scope.arn("budgets", "*", region=False)]),
                ],
            )
        ],
    )
    policy = make(aws.SnsTopicPolicy, "budget", arn=arn, policy=document)
    make(
        aws.BudgetsBudget,
        "budget",
        name=scope.name("monthly"),
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=f"{usd_per_month:.2f}",
        limit_unit="USD",
        cost_filter=[aws.BudgetsBudgetCostFilter(name="TagKeyValue", values=[f"user:{PLATFORM_TAG}${scope.platform}"])],
        notification=[
            aws.BudgetsBudgetNotification(
                comparison_operator="GREATER_THAN",
                notification_type=kind,
                threshold=threshold,
                threshold_type="PERCENTAGE",
                subscriber_sns_topic_arns=[arn],
            )
            for kind, threshold in _ALERTS
        ],
        depends_on=[policy, *key.ready],
    )
    return arn
