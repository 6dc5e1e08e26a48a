"""`skerry deploy up`: make or change the stack.

package ▶ change set ▶ ask ▶ bucket, upload ▶ execute ▶ events ▶ outputs
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from skerry.deploy import parameters
from skerry.deploy.account.access import Account
from skerry.deploy.account.bucket import FOLDER, Bucket, default_name
from skerry.deploy.account.cloudformation import TEXT_LIMIT, CloudFormation
from skerry.deploy.account.records import NONE, ChangeSet, Formation, PackageStore, Proposal, Stack
from skerry.deploy.declared import Deployment, load
from skerry.deploy.face import Face
from skerry.deploy.naming import stack_name
from skerry.deploy.options import again, platform_of
from skerry.deploy.package.archive import MEGABYTE
from skerry.deploy.package.make import Package, make
from skerry.deploy.packages import wanted
from skerry.deploy.progress import Watch, failed, going_on
from skerry.deploy.template.draft import BUCKET, ENDPOINT
from skerry.deploy.template.write import compact
from skerry.errors import ConfigurationError, RemoteError
from skerry.settings.deploy import is_here


def run(options: argparse.Namespace) -> int:
    """Returns 0 when the stack is as the file says. Raises ConfigurationError, ProgramError, RemoteError."""
    face = Face(as_json=options.json, color=options.settings.color)
    if not (options.yes or options.dry_run):
        face.check_somebody_is_there("Change the stack?")
    account = Account(profile=options.profile, region=options.region)
    identity = account.identity()
    platform = platform_of(options, account.endpoint)
    made = load(options.file, platform)
    name = stack_name(options.stack_name, options.file)
    given = parameters.read(options.parameters, options.parameter)
    face.say(f"stack {name} in account {identity.account}, region {identity.region}, at {account.endpoint}")
    formation = CloudFormation(account)
    before = startable(formation, name, face, yes=options.yes, dry_run=options.dry_run)
    bucket = Bucket(account, identity, options.bucket or default_name(identity))
    stand_ins = dict.fromkeys((one.parameter for one in made.draft.codes), "later")
    _values(made, formation, before, given, {**stand_ins, **_filled(made, bucket, account)})
    with TemporaryDirectory(prefix="skerry-deploy-") as folder:
        packages = make(
            made.declared,
            made.draft.codes,
            wanted(options, platform),
            Path(folder),
            face.step,
        )
        for note in dict.fromkeys(note for one in packages for note in one.notes):
            face.say(f"  {note}")
        filled = {one.code.parameter: key(one) for one in packages} | _filled(made, bucket, account)
        deploying = Deploying(formation, face, made, bucket, role=options.role_arn, again=again(options))
        return deploying.run(name, before, given, filled, packages, yes=options.yes, dry_run=options.dry_run)


def key(package: Package) -> str:
    """Where a package is in the bucket."""
    return f"{FOLDER}/{package.file.name}"


def startable(
    formation: Formation, name: str, face: Face, *, yes: bool, dry_run: bool = False
) -> Stack | None:
    """The stack as it is; None when there is none, or none any more.

    Raises RemoteError for one that is being changed, ConfigurationError for one that should stay as it is.
    """
    found = formation.stack(name)
    if found is None or found.status == NONE:
        return None
    if found.moving:
        raise RemoteError(
            f"the stack {name} is {found.status}: somebody changes it now.",
            hint="Wait until it rests: skerry deploy status.",
        )
    if found.status == "UPDATE_ROLLBACK_FAILED":
        raise RemoteError(
            f"the stack {name} is {found.status}: {found.reason or 'no reason was given'}.",
            hint=f"Bring it back first: aws cloudformation continue-update-rollback --stack-name {name}",
        )
    if not found.stuck:
        return found
    if dry_run:
        raise _stuck(name, found)
    face.say(f"The stack is {found.status}, which can only be deleted. It holds nothing that works.")
    if not face.agreed(f"Delete the stack {name} first?", yes=yes):
        raise _stuck(name, found)
    watch = Watch(formation, face.event)
    watch.begin(found.id)
    with going_on():
        formation.delete(found, "")
        left = watch.end(found.id)
    if left is not None:
        raise failed(name, left, watch.failure())
    return None


class Deploying:
    """One run of `up`, when everything is known that it needs."""

    def __init__(
        self,
        formation: Formation,
        face: Face,
        made: Deployment,
        bucket: PackageStore,
        *,
        role: str,
        again: str = "",
    ) -> None:
        self._formation = formation
        self._face = face
        self._made = made
        self._bucket = bucket
        self._role = role
        self._again = again
        self._text = compact(made.template)

    def run(
        self,
        name: str,
        before: Stack | None,
        given: Mapping[str, str],
        filled: Mapping[str, str],
        packages: list[Package],
        *,
        yes: bool,
        dry_run: bool,
    ) -> int:
        """Changes the stack until it is as the file says. Raises RemoteError when that fails."""
        template = self._template(dry_run=dry_run)
        values = _values(self._made, self._formation, before, given, filled)
        changes = self._propose(name, template, values, new=before is None)
        if changes is None:
            return self._done(before)
        self._face.changes(changes.changes)
        if dry_run:
            self._formation.discard(changes)
            self._result(before, changes, changed=False)
            return 0
        if not self._agreed(name, changes, yes=yes):
            return 0
        self._upload(packages)
        stack = self._executed(name, changes)
        for _ in self._made.draft.own_urls:
            own = self._own_urls(stack)
            if not own:
                break
            self._face.say("A second change: what is its own audience knows its URL now.")
            values = _values(self._made, self._formation, stack, given, {**filled, **own})
            following = self._propose(name, template, values, new=False)
            if following is None:
                break
            stack = self._executed(name, following)
        return self._done(stack, changes)

    def _template(self, *, dry_run: bool) -> str:
        """The text of the template, or its URL: a long one is sent by way of the bucket."""
        content = self._text.encode()
        if len(content) <= TEXT_LIMIT:
            return self._text
        if not self._bucket.exists():
            if dry_run:
                raise ConfigurationError(
                    f"the template has {len(content)} bytes, and there is no bucket {self._bucket.name}.",
                    hint="One above 51,200 bytes goes by way of a bucket. Name one of yours: --bucket.",
                )
            self._make_bucket()
        place = f"{FOLDER}/template-{hashlib.sha256(content).hexdigest()[:16]}.json"
        self._bucket.put(place, content)
        return self._bucket.url(place)

    def _propose(
        self, name: str, template: str, values: Mapping[str, str | None], *, new: bool
    ) -> ChangeSet | None:
        """A change set; None when nothing differs."""
        found = self._formation.propose(Proposal(name, template, values, new, self._role))
        if not found.failure:
            return found
        self._formation.discard(found)
        if found.empty:
            return None
        raise RemoteError(
            f"CloudFormation does not take the template: {found.failure.rstrip('.')}.",
            hint="Look at it with: skerry deploy template.",
        )

    def _agreed(self, name: str, changes: ChangeSet, *, yes: bool) -> bool:
        try:
            agreed = self._face.agreed(f"Change the stack {name}?", yes=yes)
        except (ConfigurationError, KeyboardInterrupt, EOFError):
            self._formation.discard(changes)
            raise
        if not agreed:
            self._formation.discard(changes)
            self._face.say("Nothing was changed.")
        return agreed

    def _make_bucket(self) -> None:
        self._face.step(f"making the bucket {self._bucket.name}")
        self._bucket.make()

    def _upload(self, packages: list[Package]) -> None:
        """What is not in the bucket yet; the name of a package is its content."""
        if not packages:
            return
        if not self._bucket.exists():
            self._make_bucket()
        for place, one in {key(one): one for one in packages}.items():
            if not self._bucket.has(place):
                self._face.step(f"uploading {one.file.name} ({one.zipped / MEGABYTE:.1f} MB)")
                self._bucket.put(place, one.file)

    def _executed(self, name: str, changes: ChangeSet) -> Stack:
        watch = Watch(self._formation, self._face.event)
        watch.begin(changes.stack)
        with going_on():
            self._formation.execute(changes)
            stack = watch.end(changes.stack)
        if stack is None or not stack.good:
            raise failed(name, stack, watch.failure())
        return stack

    def _own_urls(self, stack: Stack) -> dict[str, str]:
        """Own URLs that differ from what the stack was told."""
        return {
            parameter: stack.outputs[output]
            for parameter, output in self._made.draft.own_urls.items()
            if output in stack.outputs and stack.parameters.get(parameter) != stack.outputs[output]
        }

    def _done(self, stack: Stack | None, done: ChangeSet | None = None) -> int:
        if done is None:
            self._face.say("The stack is as the file says already.")
        outputs = stack.outputs if stack else {}
        width = max(map(len, outputs), default=0)
        self._face.say(*(f"  {name:<{width}}  {value}" for name, value in outputs.items()))
        self._face.say(f'Next: eval "$(skerry deploy env{self._again})"')
        self._result(stack, done, changed=done is not None)
        return 0

    def _result(self, stack: Stack | None, changes: ChangeSet | None, *, changed: bool) -> None:
        self._face.result(
            {
                "stack": stack.name if stack else "",
                "status": stack.status if stack else "",
                "changed": changed,
                "changes": [
                    {"action": one.action, "id": one.name, "type": one.kind, "replaces": one.replaces}
                    for one in (changes.changes if changes else ())
                ],
                "outputs": dict(stack.outputs) if stack else {},
            }
        )


def _stuck(name: str, stack: Stack) -> ConfigurationError:
    return ConfigurationError(
        f"the stack {name} is {stack.status}, which can only be deleted.", hint="Run: skerry deploy down"
    )


def _filled(made: Deployment, bucket: PackageStore, account: Account) -> dict[str, str]:
    found = {BUCKET: bucket.name, ENDPOINT: account.endpoint if is_here(account.endpoint) else ""}
    return {name: value for name, value in found.items() if name in made.draft.parameters}


def _values(
    made: Deployment,
    formation: Formation,
    before: Stack | None,
    given: Mapping[str, str],
    filled: Mapping[str, str],
) -> dict[str, str | None]:
    return parameters.chosen(
        made.draft.parameters,
        given,
        filled,
        before=before.parameters if before else {},
        defaults=formation.defaults(before.name) if before else {},
    )
