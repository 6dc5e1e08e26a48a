"""A Lambda function that says what it heard."""


def handle(event, context):
    return {"text": event["text"]}
