"""Everyday words of operations beside the words that tools use, and cities beside region codes.

It is about the domain, not about any tool: a word leads to a tool only where that tool uses one of its other
names. Sources: AWS's own service pages and region table; English.
"""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = """
instance: ec2
instances: ec2
vm: instance ec2
vms: instance ec2
machine: instance ec2
machines: instance ec2
server: instance ec2
servers: instance ec2
host: instance
hosts: instance
ami: image
amis: image
disk: volume
disks: volume
drive: volume
ebs: volume
firewall: security group
firewalls: security group
network: vpc subnet
networks: vpc subnet
ip: address
ips: address
eip: address
k8s: kubernetes eks
container: ecs task
containers: ecs task
docker: container ecs
fargate: ecs
file: object
files: object
folder: prefix
serverless: lambda function
runtime: function
nosql: dynamodb
db: database rds
dbs: database rds
sql: database rds
postgres: postgresql database
aurora: rds
mail: email
address: email
mails: email
mailbox: email
picture: chart image
graph: chart
plot: chart
diagram: chart
visualize: chart
visualise: chart
bill: cost
bills: cost
billing: cost
spend: cost
spent: cost
spending: cost
expense: cost
expenses: cost
expensive: cost
cheap: cost
price: cost
prices: cost
invoice: cost
money: cost
charge: cost
charges: cost
paid: cost
pay: cost
lambdas: function lambda
ec2s: instance ec2
paying: cost
dollar: cost
dollars: cost
usd: cost
prediction: forecast
predict: forecast
projection: forecast
alert: alarm
alerts: alarm
logged: log
log: logs event
logs: log event
trace: log
dns: record zone route53
domain: zone
domains: zone
nameserver: zone server
nameservers: zone server
notification: topic sns
notifications: topic sns
subscriber: subscription
subscribers: subscription
backlog: queue messages
dlq: dead-letter queue
permission: policy
permissions: policy
login: sign-in
member: user group
llm: model bedrock
llms: model bedrock
ai: model bedrock
ml: sagemaker
notebook: sagemaker
endpoint: url
rest: api
websocket: api
gateway: api
stack: cloudformation
iac: terraform cloudformation
org: organization
orgs: organization terraform
organization: org
organizations: org
organisation: organization org
organisations: organization org
ws: workspace
tf: terraform
var: variable
vars: variable
plan: run
planning: run
clock: time
hour: time
date: time
oclock: time
hi: hello
greet: hello
greeting: hello
welcome: hello
moderate: validate
moderation: validate guardrail
screen: validate
text: content
"""
PHRASES: Mapping[str, str] = {
    "virtual machine": "vm",
    "virtual network": "vpc",
    "virtual private cloud": "vpc",
    "machine learning": "ml",
    "language model": "llm",
    "point in time": "point-in-time",
    "dead letter": "dead-letter",
    "e-mail": "email",
    "cron job": "rule",
    "message broker": "queue",
    "version control": "versioning",
}
"""Several words that say one thing."""
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    word: tuple(others.split())
    for word, _, others in (line.partition(": ") for line in _NAMES.strip().splitlines())
}

_PLACES = """
virginia us-east-1; ohio us-east-2; california us-west-1; oregon us-west-2; montreal ca-central-1;
canada ca-central-1; calgary ca-west-1; mexico mx-central-1; ireland eu-west-1; dublin eu-west-1;
london eu-west-2; paris eu-west-3; frankfurt eu-central-1; zurich eu-central-2; milan eu-south-1;
spain eu-south-2; stockholm eu-north-1; mumbai ap-south-1; hyderabad ap-south-2; singapore ap-southeast-1;
sydney ap-southeast-2; jakarta ap-southeast-3; melbourne ap-southeast-4; malaysia ap-southeast-5;
thailand ap-southeast-7; tokyo ap-northeast-1; seoul ap-northeast-2; osaka ap-northeast-3;
taipei ap-east-2; bahrain me-south-1; uae me-central-1; telaviv il-central-1; capetown af-south-1;
brazil sa-east-1
"""
REGIONS: Mapping[str, str] = dict(pair.split() for pair in _PLACES.replace("\n", " ").split(";"))
"""Codes of AWS Regions by a word of their names."""
