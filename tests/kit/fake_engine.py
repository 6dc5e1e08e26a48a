#!/usr/bin/env python3
"""A container engine without containers: the part of docker's command line that skerry uses.

Implements `image inspect`, `pull`, `run --detach`, `port`, `logs --follow`, `wait`, `kill`, `rm --force` and
`ps --all --quiet --filter label=…`. An image is a folder with a `main.py` below $FAKE_ENGINE/registry, which
`pull` copies; a container is a process of this machine whose contract port is moved to a free one. Unknown
options fail, as they do there. Every command is added to $FAKE_ENGINE/commands, one JSON list a line.

It is a program of its own and knows nothing of skerry.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ["FAKE_ENGINE"])
IMAGES, CONTAINERS, REGISTRY = HOME / "images", HOME / "containers", HOME / "registry"
TAKES_VALUE = {
    "--name", "--label", "--publish", "--add-host", "--env-file", "--env", "--memory", "--cpus", "--pids-limit",
    "--security-opt", "--volume", "--ulimit", "--signal", "--filter", "--format",
}  # fmt: skip
FLAGS = {"--detach", "--follow", "--force", "--all", "--quiet"}
PROGRAM = """
import runpy, socket, sys
contract, free = int(sys.argv[1]), int(sys.argv[2])
bind = socket.socket.bind
socket.socket.bind = lambda self, at: bind(self, ("127.0.0.1", free) if at[1] == contract else at)
sys.argv[:] = ["main.py"]
runpy.run_path("main.py", run_name="__main__")
"""


def main(words):
    with (HOME / "commands").open("a") as file:
        file.write(json.dumps(words) + "\n")
    verb = words.pop(0)
    if verb == "image":
        verb = f"image {words.pop(0)}"
    options, rest = parse(words)
    known = {
        "image inspect": inspect,
        "pull": pull,
        "run": run,
        "port": port,
        "logs": logs,
        "wait": wait,
        "kill": kill,
        "rm": remove,
        "ps": listing,
        "_supervise": supervise,
    }
    known[verb](options, *rest)


def parse(words):
    options, rest = {}, []
    while words:
        word = words.pop(0)
        if word in TAKES_VALUE:
            options.setdefault(word, []).append(words.pop(0))
        elif word in FLAGS:
            options[word] = [""]
        elif word.startswith("-"):
            fail(f"unknown flag: {word}")
        else:
            rest.append(word)
    return options, rest


def fail(text, code=1):
    print(f"Error: {text}", file=sys.stderr)
    sys.exit(code)


def folder(image):
    return image.replace("/", "_").replace(":", "_")


def container(name):
    path = CONTAINERS / name
    if not path.is_dir():
        fail(f"No such container: {name}")
    return path


def inspect(options, image):
    if not (IMAGES / folder(image)).is_dir():
        fail(f"No such image: {image}")
    print(os.environ.get("FAKE_ARCHITECTURE", "arm64"))


def pull(options, image):
    source = REGISTRY / folder(image)
    if not source.is_dir():
        fail(f"manifest for {image} not found")
    shutil.copytree(source, IMAGES / folder(image))
    print(image)


def run(options, image):
    (name,) = options["--name"]
    path = CONTAINERS / name
    path.mkdir(parents=True)
    environment = {"PATH": os.defpath, "HOSTNAME": name}
    for file in options.get("--env-file", []):
        environment.update(line.split("=", 1) for line in Path(file).read_text().splitlines())
    environment.update((item, os.environ[item]) for item in options.get("--env", []))
    published, contract = options["--publish"][0].rsplit(":", 1)
    assert published == "127.0.0.1:", published
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    (path / "labels").write_text("\n".join(options["--label"]))
    (path / "published").write_text(f"{contract}/tcp 127.0.0.1:{number}")
    (path / "output").touch()
    argv = [sys.executable, "-c", PROGRAM, contract, str(number)]
    spec = {"args": argv, "cwd": str(IMAGES / folder(image)), "env": environment}
    (path / "spec").write_text(json.dumps(spec))
    supervisor = subprocess.Popen(
        [sys.executable, __file__, "_supervise", name],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if not supervisor.stdout.readline():
        fail("the program cannot be started", 127)
    print(name)


def supervise(options, name):
    path = CONTAINERS / name
    spec = json.loads((path / "spec").read_text())
    with (path / "output").open("wb") as output:
        program = subprocess.Popen(**spec, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    (path / "pid").write_text(str(program.pid))
    print(program.pid, flush=True)
    os.close(1)
    code = program.wait()
    (path / "part").write_text(str(code if code >= 0 else 128 - code))
    (path / "part").rename(path / "code")


def port(options, name, contract):
    found, at = (container(name) / "published").read_text().split()
    if found != contract:
        fail(f"No public port '{contract}' published for {name}")
    print(at)


def logs(options, name):
    path = container(name)
    with (path / "output").open("rb") as file:
        while True:
            over = (path / "code").exists() or not path.exists()
            if data := file.read():
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            elif over:
                return
            else:
                time.sleep(0.01)


def wait(options, name):
    path = container(name)
    while not (path / "code").exists():
        if not path.exists():
            fail(f"No such container: {name}")
        time.sleep(0.01)
    print((path / "code").read_text())


def kill(options, name):
    path = container(name)
    if (path / "code").exists():
        fail(f"cannot kill container: {name}: container is not running")
    number = signal.Signals[f"SIG{options.get('--signal', ['KILL'])[0]}"]
    os.kill(int((path / "pid").read_text()), number)


def remove(options, *names):
    for name in names:
        path = CONTAINERS / name
        if not path.is_dir():
            continue
        if not (path / "code").exists():
            os.kill(int((path / "pid").read_text()), signal.SIGKILL)
            while not (path / "code").exists():
                time.sleep(0.01)
        shutil.rmtree(path)


def listing(options):
    (wanted,) = options["--filter"]
    for path in sorted(CONTAINERS.glob("*")):
        if wanted.removeprefix("label=") in (path / "labels").read_text().split("\n"):
            print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
