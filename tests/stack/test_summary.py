"""What `skerry up` prints when it is ready."""

from skerry.stack.up import summary


def test_function_urls_are_shown_and_functions_without_one_are_not():
    known = {
        "service": {"arn": "arn:s", "url": "http://127.0.0.1:1/function-urls/a/", "auth": "iam"},
        "quiet": {"arn": "arn:q"},
    }
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": {}, "gateways": {}, "realms": {}, "guardrails": {}, "services": {}, "functions": known,
    }  # fmt: skip
    shown = summary(running, 1.0)
    assert "function URLs\n  service      iam   http://127.0.0.1:1/function-urls/a/\n" in shown
    assert "quiet" not in shown
