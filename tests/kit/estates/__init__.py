"""What moto holds in tests of the AWS tools: one file per service.

`fill(client)` makes the content of one service and gives the ids that moto chose. `client(service)` is a
boto3 client of the home region, `client(service, region)` of another one.
"""

HOME, AWAY = "us-east-1", "eu-west-1"
