"""Checks a PromQL expression by its syntax tree: every series exists, and every label it names or needs exists there.

Follows the labels through the expression, as Prometheus does: what an aggregation keeps, what a join adds. Counters are
read by their growth, and nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import promql_parser as pp

from llminfra.observability.metric_tables import MetricTable, Series

Labels = frozenset[str]

_SET_OPERATORS = {"and", "or", "unless"}
_KEEP_ALL = {"topk", "bottomk", "limitk", "limit_ratio"}
_OF_COUNTERS = {"rate", "irate", "increase", "resets"}
# Counted in the GPU's own memory for its whole life: the number itself says what is left.
_LIFELONG = {"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"}
_OF_BOTH = {"absent", "absent_over_time", "present_over_time", "count_over_time", "timestamp", "changes"}


@dataclass
class Check:
    """One expression's check; ``problems`` is empty where all is well."""

    tables: Iterable[MetricTable]
    recorded: Mapping[str, Labels] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    within: str = ""

    def run(self, expression: str) -> Labels:
        """Parse and follow; returns the labels that the result can have."""
        try:
            tree = pp.parse(_without_variables(expression))
        except ValueError as error:
            self.problems.append(f"does not parse: {error}")
            return frozenset()
        return self._follow(tree) or frozenset()

    def _find(self, name: str) -> Series | None:
        if name in self.recorded:
            return Series(name=name, kind="gauge", labels=self.recorded[name])
        return next((found for table in self.tables if (found := table.find(name))), None)

    def _need(self, labels: Labels, wanted: Iterable[str], where: str) -> None:
        series = Series(name="", kind="", labels=labels)
        self.problems += [f"no label {label!r} in {where}" for label in wanted if not series.has_label(label)]

    def _follow(self, node: object) -> Labels | None:
        """Labels of a vector; ``None`` for a number or a string."""
        match node:
            case pp.VectorSelector():
                return self._selector(node)
            case pp.MatrixSelector():
                return self._selector(node.vector_selector)
            case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
                return self._follow(node.expr)
            case pp.AggregateExpr():
                return self._aggregate(node)
            case pp.Call():
                return self._call(node)
            case pp.BinaryExpr():
                return self._binary(node)
            case pp.NumberLiteral() | pp.StringLiteral():
                return None
        self.problems.append(f"unknown expression {type(node).__name__}")
        return None

    def _selector(self, node: pp.VectorSelector) -> Labels:
        series = self._find(node.name) if node.name else None
        if series is None:
            self.problems.append(f"no series {node.name!r}")
            return frozenset()
        self.used.add(node.name)
        self._need(series.labels, [item.name for item in node.matchers.matchers], node.name)
        if self.within in _OF_COUNTERS and series.kind not in {"counter", "unknown"}:
            self.problems.append(f"{self.within} of the {series.kind} {node.name}")
        if series.kind == "counter" and node.name not in _LIFELONG and self.within not in _OF_COUNTERS | _OF_BOTH:
            self.problems.append(f"the counter {node.name} is not read by its growth")
        return series.labels

    def _aggregate(self, node: pp.AggregateExpr) -> Labels:
        inner = self._follow(node.expr) or frozenset()
        if str(node.op) in _KEEP_ALL:
            return inner
        if node.modifier is None:
            return frozenset()
        self._need(inner, node.modifier.labels, str(node))
        kept = frozenset(node.modifier.labels)
        return kept if node.modifier.type == pp.AggModifierType.By else inner - kept

    def _call(self, node: pp.Call) -> Labels | None:
        name = node.func.name
        around, self.within = self.within, name
        arguments = [self._follow(item) for item in node.args]
        self.within = around
        vectors = [item for item in arguments if item is not None]
        if name in {"vector", "absent", "absent_over_time"}:
            return frozenset()
        if name == "time":
            return None
        if name == "label_replace":
            self._need(vectors[0], [_text(node.args[3])], str(node))
            return vectors[0] | {_text(node.args[1])}
        if name == "histogram_quantile":
            self._need(vectors[-1], ["le"], str(node))
            return vectors[-1] - {"le"}
        return vectors[0] if vectors else None

    def _binary(self, node: pp.BinaryExpr) -> Labels | None:
        left, right = self._follow(node.lhs), self._follow(node.rhs)
        if left is None or right is None:
            return left if right is None else right
        operator, modifier = str(node.op), node.modifier
        if operator == "or":
            return left | right
        matching = modifier.matching if modifier is not None else None
        if matching is None:
            if left != right:
                self.problems.append(f"sides have different labels and no on(): {sorted(left ^ right)} in {node}")
            return left
        if matching.type == pp.LabelModifierType.Include:
            for side in (left, right):
                self._need(side, matching.labels, str(node))
        if operator in _SET_OPERATORS:
            return left
        return self._joined(node, left, right)

    def _joined(self, node: pp.BinaryExpr, left: Labels, right: Labels) -> Labels:
        card, added = node.modifier.card, frozenset(node.modifier.group_labels or ())
        if card == pp.VectorMatchCardinality.ManyToOne:
            self._need(right, added, f"the right side of {node}")
            return left | added
        if card == pp.VectorMatchCardinality.OneToMany:
            self._need(left, added, f"the left side of {node}")
            return right | added
        on = node.modifier.matching.type == pp.LabelModifierType.Include
        labels = frozenset(node.modifier.matching.labels)
        comparison = str(node.op) in {">", "<", ">=", "<=", "==", "!="}
        return left if comparison else labels if on else left - labels


def _text(node: object) -> str:
    assert isinstance(node, pp.StringLiteral)
    return str(node.val)


def _without_variables(expression: str) -> str:
    """Grafana's own range variable is not PromQL; variables inside strings are only text."""
    return re.sub(r"\$__(rate_interval|interval|range)", "5m", expression)
