"""The yardstick: checkov's own library run on the same files, with nothing around it. Arguments: a folder of files."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path


def main(folder: Path) -> None:
    """Import checkov, run its three runners, and print how long each part took."""
    started = time.perf_counter()
    from checkov.kubernetes.runner import Runner as KubernetesRunner
    from checkov.runner_filter import RunnerFilter
    from checkov.secrets.runner import Runner as SecretsRunner
    from checkov.terraform_json.runner import TerraformJsonRunner

    logging.disable(logging.CRITICAL)
    imported = time.perf_counter()
    stacks = sorted(str(file) for file in folder.rglob("cdk.tf.json"))
    objects = sorted(str(file) for file in (folder / "objects").glob("*.json"))
    failed = 0
    for runner, files, framework in (
        (TerraformJsonRunner(), stacks, "terraform_json"),
        (KubernetesRunner(), objects, "kubernetes"),
        (SecretsRunner(), stacks, "secrets"),
    ):
        chosen = RunnerFilter(framework=[framework], show_progress_bar=False)
        reports = runner.run(root_folder=None, files=list(files), runner_filter=chosen)
        for report in reports if isinstance(reports, list) else [reports]:
            failed += len(report.failed_checks)
    print(f"import {imported - started:.2f} s, run {time.perf_counter() - imported:.2f} s, {failed} failed checks")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
