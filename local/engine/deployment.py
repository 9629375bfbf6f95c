"""Deploys the Pulumi program to the emulator without the Pulumi CLI: `deploy`; and `preview`, which touches nothing."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.engine import project, state
from local.engine.analyzer import Violation
from local.engine.aws import Aws
from local.engine.diagnostics import Diagnostics
from local.engine.emulator import Emulator
from local.engine.errors import DeploymentFailed
from local.engine.policies import PolicyCheck
from local.engine.process import ProgramProcess
from local.engine.progress import Progress
from local.engine.redaction import Redactor
from local.engine.registrar import Registrar
from local.engine.services import Engine, Monitor, serving
from local.engine.steps import Operation, Step
from local.paths import ROOT

__all__ = ["Deployment", "DeploymentFailed", "Operation", "Step", "Violation", "deploy", "preview"]

POLICIES = ROOT / "policies"
PARALLEL = 16


@dataclass(frozen=True)
class Deployment:
    """What was done, or in a preview would be.

    `outputs` are the program's exports, with `local.engine.wire.UNKNOWN` for those a preview cannot know. `unused` has
    the type and path of each property that was not applied, for the reason in `no_local_meaning`.
    """

    outputs: Mapping[str, Any]
    steps: tuple[Step, ...]
    violations: tuple[Violation, ...]
    unused: frozenset[tuple[str, str]]


def deploy(
    *,
    stack: str,
    emulator: Emulator,
    config: Mapping[str, Any],
    state_path: Path,
    progress: Progress,
    policy_pack: Path | None = POLICIES,
    program: Path = ROOT,
) -> Deployment:
    """Run the program in directory `program` and create what it registers; what `state_path` has is left as it is.

    `config` overrides Pulumi.<stack>.yaml. An emulator that starts empty needs a `state_path` that is not there. Raises
    `DeploymentFailed` with every reason; what was created until then is in `state_path`.
    """
    loaded = project.load(program, stack, config)
    return _run(loaded, emulator, state_path, progress, policy_pack, dry_run=False)


def preview(
    *,
    stack: str,
    emulator: Emulator,
    config: Mapping[str, Any],
    state_path: Path,
    progress: Progress,
    policy_pack: Path | None = POLICIES,
    program: Path = ROOT,
) -> Deployment:
    """Say what `deploy` would do, with the same arguments; neither the emulator nor `state_path` is touched.

    Policies and types are checked as by `deploy`; that every property is applied shows when it is.
    """
    loaded = project.load(program, stack, config)
    return _run(loaded, emulator, state_path, progress, policy_pack, dry_run=True)


def _run(
    loaded: project.Project,
    emulator: Emulator,
    state_path: Path,
    progress: Progress,
    policy_pack: Path | None,
    *,
    dry_run: bool,
) -> Deployment:
    known = state.load(state_path)
    redactor = Redactor()
    redactor.learn(loaded.config[key] for key in loaded.secret_keys)
    with ExitStack() as cleanup:
        diagnostics = Diagnostics(cleanup.enter_context(progress), redactor)
        policies = cleanup.enter_context(PolicyCheck(policy_pack, loaded.stack))
        aws = Aws(emulator, PARALLEL)
        registrar = Registrar(loaded, known, aws, policies, diagnostics, redactor, dry_run=dry_run)
        if not dry_run:
            cleanup.callback(lambda: state.save(state_path, {**known, **registrar.resources}))
        services = serving(Monitor(registrar, diagnostics, emulator), Engine(diagnostics), PARALLEL)
        address = cleanup.enter_context(services)
        process = ProgramProcess(loaded, address, dry_run=dry_run, parallel=PARALLEL, on_line=diagnostics.printed)
        with process:
            exit_code = process.wait()
        if not exit_code and not diagnostics.failing:
            registrar.finish()
        diagnostics.conclude(exit_code)
    return Deployment(
        registrar.outputs, tuple(registrar.steps), tuple(policies.violations), frozenset(registrar.unused)
    )
