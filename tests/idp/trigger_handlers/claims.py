"""Functions of users: what a pool calls before it makes tokens."""

import json
import os


def proposed(event, context):
    """The one that is passed around to make an ID token fit allowedClients. It is wrong five times."""
    event["response"] = {
        "claimsOverrideDetails": {"claimsToAddOrOverride": {"client_id": event["request"]["userPoolId"]}}
    }
    return event


def proposed_that_runs(event, context):
    """The same with the one mistake mended that keeps it from running."""
    event["response"] = {
        "claimsOverrideDetails": {
            "claimsToAddOrOverride": {"client_id": event["userPoolId"], "tenant_id": "acme"}
        }
    }
    return event


def answers(event, context):
    """Whatever RESPONSE says."""
    event["response"] = json.loads(os.environ["RESPONSE"])
    return event


def tells(event, context):
    """The event itself, as a claim of the access token."""
    told = {key: value for key, value in event.items() if key != "response"}
    event["response"] = {
        "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": {"claimsToAddOrOverride": {"told": told}},
            "idTokenGeneration": {"claimsToAddOrOverride": {"told": told}},
        }
    }
    return event


def hangs(event, context):
    import threading

    threading.Event().wait(60)


def refuses(event, context):
    raise ValueError("ann is not welcome")


def nonsense(event, context):
    return ["no", "event"]
