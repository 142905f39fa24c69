"""The CI of a service: what each step runs, and the update that it proposes.

Git is real here, with a repository as origin; of a forge there is only what it is told.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import space
import test_container
import test_run
import yaml
from conftest import missing
from helpers import UV, append, change, commit, render, run, tree
from test_update import release_next

GITHUB = ".github/workflows/*.yml"
GITLAB = ".gitlab-ci.yml"
# What each step runs, by its beginning, and the test of it, here or in another module.
RUN_BY = {
    "docker compose up --wait ": "test_compose_starts_alone_what_development_needs",
    "make setup": "test_service_passes_its_own_check",
    "make check": "test_service_passes_its_own_check",
    "sh ci/deploy-check.sh": "test_deploy_check_of_ci",
    "make audit": "test_audit_wants_the_lock",
    "sh ci/update.sh": "test_update_is_a_branch",
    "git fetch": "test_branch_is_proposed",
    "git show-ref": "test_branch_is_proposed",
    "git remote set-url": "test_branch_is_proposed",
    "body=": "test_branch_is_proposed",
    "git push": "test_branch_is_proposed",
    # What the machines of GitLab lack.
    "apk add --no-cache openssl": None,
    "apt-get update && apt-get install --yes --no-install-recommends git make": None,
}
BRANCH = "template-update"
DONE = "Update the template from v1.0.0 to v1.1.0"
# The forge: it writes down what it is told. GH_OPEN are the open pull requests, as JSON, of which
# it prints what the last argument, a filter, takes.
GH = """#!/bin/sh
if [ "$1 $2" = "pr list" ]; then
    for filter; do :; done
    printf '%s' "$GH_OPEN" | jq --raw-output "$filter"
    exit
fi
for word; do printf '%s\\n' "$word"; done >>"$GH_LOG"
"""
# A stranger's, from a branch that is called the same.
FOREIGN = {"number": 6, "isCrossRepository": True}
POST_RECEIVE = """#!/bin/sh
for number in $(seq 0 $((GIT_PUSH_OPTION_COUNT - 1))); do
    eval "printf '%s\\n' \\"\\$GIT_PUSH_OPTION_$number\\""
done >>told
"""


def steps(service: Path) -> list[tuple[dict[str, Any], str]]:
    """Return each command of the CI, with the step of GitHub or the job of GitLab it is in."""
    workflows = [yaml.safe_load(path.read_text()) for path in sorted(service.glob(GITHUB))]
    jobs = [job for workflow in workflows for job in workflow["jobs"].values()]
    found = [(step, step["run"]) for job in jobs for step in job["steps"] if "run" in step]
    for path in service.glob(GITLAB):
        for job in yaml.safe_load(path.read_text()).values():
            scripts = job.get("before_script", []) + job.get("script", [])
            found += [(job, command) for command in scripts]
    return found


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_every_step_is_run(rendered: Callable[[space.Answers], Path], ci: str) -> None:
    """A step cannot come in that no test runs."""
    services = [rendered(answers) for answers in space.pairwise() if answers["ci"] == ci]
    commands = {command for service in services for _, command in steps(service)}
    assert len(commands) >= 5
    for command in commands:
        (found,) = (test for start, test in RUN_BY.items() if command.startswith(start))
        assert not found or found in {*globals(), *vars(test_run), *vars(test_container)}


def test_no_ci_leaves_nothing(rendered: Callable[[space.Answers], Path]) -> None:
    service = rendered({"ci": "none"})
    left = [name for name in tree(service) if re.match(r"\.git|ci/|docs/(ci|git\w+)\.", name)]
    assert left == [".gitattributes", ".gitignore"]
    assert steps(service) == []


def test_required_checks_are_of_each_change(rendered: Callable[[space.Answers], Path]) -> None:
    """GitHub waits for ever for a check that did not start: the page names those that do."""
    service = rendered({"ci": "github"})
    told = (service / "docs" / "github.md").read_text(encoding="utf-8")
    named = re.search(r"require the checks (.*?), so that.*?Leave out (.*?):", told, re.S)
    assert named
    required, left_out = (re.findall("`(.+?)`", part) for part in named.groups())
    always, sometimes = [], []
    for path in sorted(service.glob(GITHUB)):
        workflow = yaml.safe_load(path.read_text())
        # YAML 1.1 takes the key `on` for a boolean.
        starts = workflow[True]
        if "pull_request" not in starts:
            continue
        names = sometimes if starts["pull_request"] else always
        for job in workflow["jobs"].values():
            pythons = job.get("strategy", {}).get("matrix", {}).get("python", [""])
            names += [job["name"].replace("${{ matrix.python }}", each) for each in pythons]
    assert (required, left_out) == (always, sometimes)


def test_marks_are_looked_for_where_git_is(source: Path, tmp_path: Path) -> None:
    """Outside of a repository there are none; in one, git that fails has not seen any."""
    service = render(source, tmp_path / "service", {"preset": "minimal"})
    (service / ".venv").mkdir()
    check = ["make", "--silent", "check", "UV=true"]
    assert run(*check, cwd=service) == ""
    commit(service, "Start")
    assert run(*check, cwd=service) == ""
    said = run(*check, cwd=service, expect=2, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "dubious ownership" in said


def test_bot_proposes_everything(rendered: Callable[[space.Answers], Path]) -> None:
    bot = yaml.safe_load((rendered({"ci": "github"}) / ".github" / "dependabot.yml").read_text())
    assert {each["package-ecosystem"] for each in bot["updates"]} == {
        "docker",
        "docker-compose",
        "github-actions",
        "uv",
    }
    assert all(each["cooldown"]["default-days"] >= 7 for each in bot["updates"])


def test_rights_are_least(rendered: Callable[[space.Answers], Path]) -> None:
    """Two jobs may write: findings, and the branch of the update. That one runs no code of it."""
    paths = sorted(rendered({"ci": "github"}).glob(GITHUB))
    workflows = {path.stem: yaml.safe_load(path.read_text()) for path in paths}
    assert {name: each["permissions"] for name, each in workflows.items()} == {
        "audit": {"contents": "read"},
        "ci": {"contents": "read"},
        "update": {},
    }
    jobs = {name: job for each in workflows.values() for name, job in each["jobs"].items()}
    assert {name: job["permissions"] for name, job in jobs.items() if "permissions" in job} == {
        "deploy-check": {"contents": "read", "security-events": "write"},
        "prepare": {"contents": "read"},
        "propose": {"contents": "write", "pull-requests": "write"},
    }
    assert all(job["timeout-minutes"] <= 15 for job in jobs.values())
    ran = [step["run"] for step in jobs["propose"]["steps"] if "run" in step]
    assert not re.search(r"\b(make|sh|uv|python\d?)\b", "\n".join(ran))
    (brought,) = (step["with"] for step in jobs["propose"]["steps"] if "download" in str(step))
    assert brought["path"].startswith("${{ runner.temp }}/")


def test_nothing_runs_twice(rendered: Callable[[space.Answers], Path]) -> None:
    """GitLab: a change has one pipeline, and what a schedule runs no change does, but the audit."""
    text = (rendered({"ci": "gitlab"}) / GITLAB).read_text(encoding="utf-8")
    parts = yaml.safe_load(text)
    pipelines = [rule["if"] for rule in parts.pop("workflow")["rules"]]
    assert pipelines == [
        '$CI_PIPELINE_SOURCE == "schedule" || $CI_PIPELINE_SOURCE == "merge_request_event"',
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
    ]
    rules = {name: job["rules"] for name, job in parts.items() if not name.startswith(".")}
    assert rules == {
        "check": [{"if": '$CI_PIPELINE_SOURCE != "schedule"'}],
        "deploy-check": [{"if": '$CI_PIPELINE_SOURCE != "schedule"'}],
        "audit": [
            {"if": '$CI_PIPELINE_SOURCE == "schedule"'},
            {"changes": ["pyproject.toml", "uv.lock"]},
        ],
        "template-update": [
            {"if": '$CI_PIPELINE_SOURCE == "schedule" && $TEMPLATE_UPDATE_TOKEN'},
        ],
    }


def test_audit_wants_the_lock(source: Path, tmp_path: Path) -> None:
    """It asks about what is locked: so it says when there is no lock, or an old one."""
    service = render(source, tmp_path / "service", {"preset": "minimal"})
    once = {"UV_HTTP_RETRIES": "0"}
    assert "uv.lock" in run("make", "audit", cwd=service, expect=2, **once)
    run("make", "setup", cwd=service)
    nobody = {**once, "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    said = run("make", "audit", cwd=service, expect=2, **nobody)
    assert "api.osv.dev" in said
    change(service / "pyproject.toml", '"orjson>=3.13,<4"', '"orjson>=3.13,<5"')
    assert "uv.lock" in run("make", "audit", cwd=service, expect=2, **once)


# --- The update ------------------------------------------------------------------------


@dataclass(frozen=True)
class Home:
    """A service with an origin, as a forge has it, and a person's own clone."""

    origin: Path
    work: Path

    def checkout(self, folder: Path) -> Path:
        """Return a clone as CI has one: each branch of origin is known."""
        run("git", "clone", "--quiet", self.origin, folder, cwd=self.work)
        return folder

    def push(self, message: str) -> None:
        """Commit everything that the person has done."""
        commit(self.work, message)
        run("git", "push", "--quiet", "origin", "HEAD", cwd=self.work)


@pytest.fixture
def home(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Home:
    """Return the smallest service, made from v1.0.0 of the template, which then has v1.1.0."""
    work = render(
        template,
        tmp_path / "work",
        {"preset": "minimal", "ci": getattr(request, "param", "github")},
    )
    commit(work, "Start")
    origin = tmp_path / "origin.git"
    run("git", "clone", "--quiet", "--bare", work, origin, cwd=tmp_path)
    run("git", "remote", "add", "origin", origin, cwd=work)
    release_next(template)
    return Home(origin, work)


def collide(home: Home) -> None:
    """Change a line that the template changes: then nothing is set up, which takes its time."""
    change(home.work / "README.md", "Bare `make` lists", "Bare make names")
    home.push("Change what the template changes")


def git(repository: Path, *arguments: str) -> str:
    return run("git", *arguments, cwd=repository).strip()


def prepare(service: Path) -> str:
    """Run the script of the update; return what it printed, and see main as it was."""
    before = tree(service), git(service, "rev-parse", "HEAD"), git(service, "status", "--short")
    said = run("sh", "ci/update.sh", cwd=service)
    after = tree(service), git(service, "rev-parse", "HEAD"), git(service, "status", "--short")
    assert after == before
    assert len(git(service, "worktree", "list").splitlines()) == 1
    return said


def branches(service: Path) -> str:
    return git(service, "branch", "--format=%(refname:short)")


def message(service: Path) -> str:
    return git(service, "log", "-1", "--format=%B", BRANCH)


@pytest.mark.slow
def test_update_is_a_branch(home: Home, tmp_path: Path, prove: Callable[[str], None]) -> None:
    """It is one commit on top of main, with a lock of its own; what is not committed stays."""
    service = home.checkout(tmp_path / "ci")
    append(service / "README.md", "\nNot committed.\n")
    prepare(service)
    assert git(service, "rev-parse", f"{BRANCH}^") == git(service, "rev-parse", "main")
    changed = git(service, "diff", "--name-only", "main", BRANCH).splitlines()
    assert {"docs/operate.md", "uv.lock", "openapi.json"} < set(changed)
    assert "Not committed" not in git(service, "show", f"{BRANCH}:README.md")
    assert message(service).splitlines()[0] == DONE
    assert "Nothing conflicts." in message(service)
    prove("template updates prepared on a branch, main untouched")


@pytest.mark.slow
def test_conflicts_are_told(home: Home, tmp_path: Path, prove: Callable[[str], None]) -> None:
    """They stay between their marks, at the places told, and `make check` refuses them."""
    change(home.work / "src" / "my_service" / "security.py", "payment=()", "payment=(), midi=()")
    collide(home)
    service = home.checkout(tmp_path / "ci")
    prepare(service)
    run("git", "switch", "--quiet", BRANCH, cwd=service)
    marked = [
        f"- `{name}:{number}`"
        for name, content in tree(service).items()
        for number, line in enumerate(content.splitlines(), 1)
        if line.startswith(b"<<<<<<< ")
    ]
    assert [mark.partition(":")[0] for mark in marked] == [
        "- `README.md",
        "- `src/my_service/security.py",
    ]
    assert message(service).splitlines()[0] == f"{DONE}, with conflicts"
    assert re.findall("^- .*", message(service), re.M) == marked
    run(UV, "sync", "--quiet", cwd=service)
    refused = run("make", "check", cwd=service, expect=2)
    assert "README.md:" in refused
    assert "Resolve these conflicts first." in refused
    prove("template updates prepared on a branch, main untouched")


@pytest.mark.slow
def test_failure_is_told(template: Path, home: Home, tmp_path: Path) -> None:
    """A new version whose dependencies cannot be had is proposed all the same."""
    dependencies = template / "template" / "pyproject.toml.jinja"
    change(dependencies, '"packaging>=26"', '"packaging>=9999"')
    commit(template, "Third", tag="v1.2.0")
    service = home.checkout(tmp_path / "ci")
    assert "packaging>=9999" in prepare(service)
    assert "v1.2.0, unfinished\n" in message(service)
    assert "`make setup openapi` fails" in message(service)


@pytest.mark.slow
def test_removed_file_is_told(template: Path, home: Home, tmp_path: Path) -> None:
    """Copier deletes it, edited or not: whoever reviews has to know."""
    collide(home)
    append(home.work / "docs" / "deploy-check.md", "\nCall Ada first.\n")
    home.push("Say whom to call")
    page = template / "template" / "docs" / "deploy-check.md"
    page.rename(page.with_name("deployment-check.md"))
    commit(template, "Third", tag="v1.2.0")
    service = home.checkout(tmp_path / "ci")
    prepare(service)
    assert "Removed, whether you changed them or not:\n\n- `docs/deploy" in message(service)


def test_nothing_new_makes_no_branch(template: Path, home: Home, tmp_path: Path) -> None:
    git(template, "tag", "--delete", "v1.1.0")
    service = home.checkout(tmp_path / "ci")
    assert "The template has nothing new." in prepare(service)
    assert branches(service) == "main"


@pytest.mark.slow
def test_second_run_refreshes_the_branch(home: Home, tmp_path: Path) -> None:
    """Where nothing happened it is the same commit; where main moved on, one on top of it."""
    collide(home)
    service = home.checkout(tmp_path / "ci")
    prepare(service)
    first = git(service, "rev-parse", BRANCH)
    git(service, "push", "--quiet", "origin", BRANCH)
    prepare(service)
    assert git(service, "rev-parse", BRANCH) == first
    append(home.work / "README.md", "\nWho to call.\n")
    home.push("Move on")
    again = home.checkout(tmp_path / "again")
    prepare(again)
    assert git(again, "rev-parse", f"{BRANCH}^") == git(home.work, "rev-parse", "HEAD")
    assert "Who to call." in git(again, "show", f"{BRANCH}:README.md")


@pytest.mark.slow
def test_work_on_the_branch_is_left_alone(template: Path, home: Home, tmp_path: Path) -> None:
    """Until its version is on main: then a later one is proposed."""
    collide(home)
    service = home.checkout(tmp_path / "ci")
    prepare(service)
    git(service, "push", "--quiet", "origin", BRANCH)
    git(home.work, "fetch", "--quiet", "origin")
    git(home.work, "switch", "--quiet", BRANCH)
    (home.work / "README.md").write_text("# My Service\n")
    home.push("Resolve it")

    later = home.checkout(tmp_path / "later")
    assert "Somebody works on refs/remotes/origin/template-update." in prepare(later)
    assert branches(later) == "main"

    git(home.work, "switch", "--quiet", "main")
    git(home.work, "merge", "--quiet", "--squash", BRANCH)
    home.push("Update")
    append(template / "template" / "docs" / "operate.md", "\nNew in v1.2.0.\n")
    commit(template, "Third", tag="v1.2.0")
    merged = home.checkout(tmp_path / "merged")
    prepare(merged)
    assert message(merged).startswith("Update the template from v1.1.0 to v1.2.0\n")


# --- What a forge is told -----------------------------------------------------------------


@dataclass(frozen=True)
class Forge:
    """It runs the steps behind the update, each in a checkout of its job, and is told."""

    home: Home
    folder: Path

    def __post_init__(self) -> None:
        hook = self.home.origin / "hooks" / "post-receive"
        for file, text in ((self.folder / "gh", GH), (hook, POST_RECEIVE)):
            file.write_text(text)
            file.chmod(0o755)
        git(self.home.origin, "config", "receive.advertisePushOptions", "true")

    def run(self, commands: list[str], service: Path, **variables: str) -> str:
        told = [self.folder / "told", self.home.origin / "told"]
        for file in told:
            file.write_text("")
        run(
            "sh",
            "-ec",
            "\n".join([f'PATH="{self.folder}:$PATH"', *commands]),
            cwd=service,
            GH_LOG=str(told[0]),
            GITHUB_OUTPUT=str(self.folder / "output"),
            TEMPLATE_UPDATE_TOKEN="secret",
            CI_DEFAULT_BRANCH="main",
            CI_PROJECT_PATH="group/service",
            CI_SERVER_FQDN="gitlab.example.com",
            # What git takes that address for.
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=f"url.{self.home.origin}.insteadOf",
            GIT_CONFIG_VALUE_0="https://oauth2:secret@gitlab.example.com/group/service.git",
            **variables,
        )
        return "".join(file.read_text() for file in told)

    def hear(self, service: Path, *pull_requests: dict[str, Any], event: str = "schedule") -> str:
        """Return what it is told where `service` has run the script of the update."""
        commands = [command for _, command in steps(service)]
        behind = commands[commands.index("sh ci/update.sh") + 1 :]
        if (service / GITLAB).exists():
            return self.run(behind, service)
        pack, push = behind
        output = self.folder / "output"
        output.write_text("")
        assert self.run([pack], service) == ""
        known = dict(line.split("=", 1) for line in output.read_text().splitlines())
        if "made" not in known:
            return ""
        other = self.home.checkout(service.with_name(f"{service.name}-propose"))
        update = self.folder / "update"
        update.mkdir(exist_ok=True)
        shutil.copy(service / "update.bundle", update)
        return self.run(
            [push],
            other,
            OLD=known["old"],
            GH_OPEN=json.dumps([FOREIGN, *pull_requests]),
            GITHUB_EVENT_NAME=event,
            RUNNER_TEMP=str(self.folder),
        )


@pytest.mark.slow
@pytest.mark.parametrize("home", ["github", "gitlab"], indirect=True)
def test_branch_is_proposed(
    request: pytest.FixtureRequest, home: Home, tmp_path: Path, prove: Callable[[str], None]
) -> None:
    """Once; refreshed when main moved on; and nothing is told where there is nothing new."""
    if not shutil.which("jq"):
        missing(request, "jq cannot be found, which the command of GitHub has within")
    collide(home)
    service, forge = home.checkout(tmp_path / "ci"), Forge(home, tmp_path)
    assert forge.hear(service) == ""
    prepare(service)
    told, title = forge.hear(service), f"{DONE}, with conflicts"
    assert git(home.origin, "rev-parse", BRANCH) == git(service, "rev-parse", BRANCH)
    body = git(service, "log", "-1", "--format=%b", BRANCH)
    if (service / GITLAB).exists():
        assert re.sub(r"(\\n)+$", "", told.strip()).splitlines() == [
            "merge_request.create",
            "merge_request.remove_source_branch",
            "merge_request.target=main",
            f"merge_request.title={title}",
            "merge_request.description=" + body.replace("\n", "\\n"),
        ]
    else:
        created = [
            "auth",
            "setup-git",
            "pr",
            "create",
            "--head",
            BRANCH,
            "--title",
            title,
            "--body",
        ]
        assert told.splitlines() == [*created, *body.splitlines()]

    append(home.work / "README.md", "\nWho to call.\n")
    home.push("Move on")
    again = home.checkout(tmp_path / "again")
    prepare(again)
    told = forge.hear(again, {"number": 7, "isCrossRepository": False})
    assert git(home.origin, "rev-parse", BRANCH) == git(again, "rev-parse", BRANCH)
    assert f"title={title}\n" in told
    if not (service / GITLAB).exists():
        assert "--method\nPATCH\nrepos/{owner}/{repo}/pulls/7\n" in told
        assert "pr\ncreate" not in told
    prove("template updates proposed to a forge")


@pytest.mark.slow
@pytest.mark.parametrize("home", ["github", "gitlab"], indirect=True)
def test_work_in_between_is_not_overwritten(home: Home, tmp_path: Path) -> None:
    """Somebody commits to the branch after the script has looked: the push is refused."""
    collide(home)
    service, forge = home.checkout(tmp_path / "ci"), Forge(home, tmp_path)
    prepare(service)
    git(home.work, "switch", "--quiet", "--create", BRANCH)
    home.push("Resolve it")
    with pytest.raises(AssertionError, match="stale info"):
        forge.hear(service)
    assert git(home.origin, "log", "-1", "--format=%s", BRANCH) == "Resolve it"


@pytest.mark.slow
def test_workflow_is_not_pushed_unseen(template: Path, home: Home, tmp_path: Path) -> None:
    """It could start with the push: so somebody has to have seen it and to ask for that."""
    collide(home)
    workflow = template / "template" / ".github" / "workflows" / "new.yml"
    workflow.write_text("on: push\n")
    commit(template, "Third", tag="v1.2.0")
    service, forge = home.checkout(tmp_path / "ci"), Forge(home, tmp_path)
    prepare(service)
    with pytest.raises(AssertionError, match=r"(?s)\+on: push.*::error::Workflows change"):
        forge.hear(service)
    assert branches(home.origin) == "main"
    shutil.rmtree(tmp_path / "ci-propose")
    assert "pr\ncreate" in forge.hear(service, event="workflow_dispatch")
    assert git(home.origin, "rev-parse", BRANCH) == git(service, "rev-parse", BRANCH)
