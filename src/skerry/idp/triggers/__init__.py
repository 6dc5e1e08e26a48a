"""Cognito's pre token generation trigger: a Lambda function that sees tokens before they are signed.

    declared.py   Trigger and Cloud: which function, which version, where to call it
    event.py      what the function is told
    invoke.py     the call: Lambda's Invoke, signed
    response.py   what its answer may change, by AWS's table
    generation.py all of it, in the order of one issuance

Source: AWS, "Pre token generation Lambda trigger", "Claims and scopes reference". Nothing was compared with
the live service.
"""
