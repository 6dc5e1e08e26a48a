"""Tools as a Gateway hands them to an agent, and labelled questions for them.

`TUNING` was looked at while the router was written; `HELD_OUT` was written before the first measurement and never
used to change the router. An empty label means that no tool should be called.
"""

from __future__ import annotations

from typing import Any

from skerry.local.models.request import ToolSpec

STRING = {"type": "string"}


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _operations(*names: str) -> dict[str, Any]:
    return {"type": "string", "description": f"One of: {', '.join(names)}"}


def _aws(service: str, about: str, *operations: str, **more: Any) -> ToolSpec:
    found = schema(
        ("operation",),
        operation=_operations(*operations),
        region={"type": "string", "description": 'An AWS Region, or "all".'},
        limit={"type": "integer", "description": "The most items to return."},
        **more,
    )
    return ToolSpec(f"aws___{service}_read_operations", about, found)


ACCOUNTS = (
    ToolSpec(
        "accounts___get_email",
        "Get the e-mail address of an account.",
        schema(("account_id",), account_id={"type": "string", "description": "The number of the account."}),
    ),
    ToolSpec(
        "accounts___change_email",
        "Change the e-mail address of an account. Asks for confirmation first.",
        schema(
            ("account_id", "new_email"), account_id=STRING, new_email={"type": "string", "format": "email"}
        ),
    ),
    ToolSpec("accounts___get_chart", "Get a chart of the accounts as an image.", schema()),
)

BASICS = (
    ToolSpec("aws___hello_world", "Say hello, to see that the tools answer.", schema(name=STRING)),
    ToolSpec("aws___get_time", "The current time of the server.", schema(timezone=STRING)),
)

EC2 = _aws(
    "ec2", "Read Amazon EC2: instances, volumes, images, security groups and networks.",
    "describe_instances", "describe_volumes", "describe_snapshots", "describe_images", "describe_security_groups",
    "describe_vpcs", "describe_subnets", "describe_key_pairs", instance_id=STRING,
)  # fmt: skip
S3 = _aws(
    "s3", "Read Amazon S3: buckets, their objects and settings.",
    "list_buckets", "list_objects", "get_bucket_location", "get_bucket_policy", "get_bucket_versioning", bucket=STRING,
)  # fmt: skip

DESK = (*ACCOUNTS, *BASICS, EC2, S3)

OPERATIONS = (
    *DESK,
    _aws("lambda", "Read AWS Lambda: functions, their configuration, layers and event sources.",
         "list_functions", "get_function", "list_layers", "list_event_source_mappings", function_name=STRING),
    _aws("cloudformation", "Read AWS CloudFormation: stacks, their resources and events.",
         "list_stacks", "describe_stacks", "list_stack_resources", "describe_stack_events", stack_name=STRING),
    _aws("iam", "Read AWS IAM: users, roles, policies and groups.",
         "list_users", "list_roles", "list_policies", "list_groups", "get_user", "get_role", user_name=STRING),
    _aws("rds", "Read Amazon RDS: database instances, clusters and snapshots.",
         "describe_db_instances", "describe_db_clusters", "describe_db_snapshots"),
    _aws("cloudwatch", "Read Amazon CloudWatch: metrics, alarms and log groups.",
         "list_metrics", "describe_alarms", "describe_log_groups", "get_metric_statistics"),
    _aws("cost_explorer", "Read AWS Cost Explorer: cost, usage and forecasts.",
         "get_cost_and_usage", "get_cost_forecast", start_date=STRING, end_date=STRING),
    _aws("ecs", "Read Amazon ECS: clusters, services and tasks of containers.",
         "list_clusters", "list_services", "list_tasks", "describe_task_definition", cluster=STRING),
    _aws("eks", "Read Amazon EKS: Kubernetes clusters and node groups.",
         "list_clusters", "describe_cluster", "list_nodegroups", cluster=STRING),
    _aws("sns", "Read Amazon SNS: topics and subscriptions.", "list_topics", "list_subscriptions"),
    _aws("sqs", "Read Amazon SQS: queues and their attributes.", "list_queues", "get_queue_attributes"),
    _aws("dynamodb", "Read Amazon DynamoDB: tables, their keys and backups.",
         "list_tables", "describe_table", "list_backups", table_name=STRING),
    _aws("route53", "Read Amazon Route 53: hosted zones and DNS records.",
         "list_hosted_zones", "list_resource_record_sets"),
    _aws("apigateway", "Read Amazon API Gateway: REST APIs, stages and usage plans.",
         "get_rest_apis", "get_stages", "get_usage_plans"),
    _aws("ses", "Read Amazon SES: verified identities and sending quota for e-mail.",
         "list_identities", "get_send_quota", "get_send_statistics"),
    _aws("bedrock", "Read Amazon Bedrock: foundation models and guardrails.",
         "list_foundation_models", "list_guardrails", "list_inference_profiles"),
    _aws("sagemaker", "Read Amazon SageMaker: endpoints, models and training jobs.",
         "list_endpoints", "list_models", "list_training_jobs", "list_notebook_instances"),
)  # fmt: skip


def _op(service: str) -> str:
    return f"aws___{service}_read_operations"


TUNING: tuple[tuple[str, str], ...] = (
    ("What is the email for account 12345?", "accounts___get_email"),
    ("Change the email for account 12345 to mynew@email.com", "accounts___change_email"),
    ("Show me a chart", "accounts___get_chart"),
    ("List my EC2 instances in us-east-1", _op("ec2")),
    ("Which buckets do I have?", _op("s3")),
    ("What time is it?", "aws___get_time"),
    ("Say hello", "aws___hello_world"),
    ("Show the Lambda functions", _op("lambda")),
    ("List all CloudFormation stacks", _op("cloudformation")),
    ("Who are the IAM users?", _op("iam")),
    ("Which roles exist?", _op("iam")),
    ("Show my databases in RDS", _op("rds")),
    ("Are there any alarms?", _op("cloudwatch")),
    ("How much did we spend last month? Show the cost", _op("cost_explorer")),
    ("List ECS services", _op("ecs")),
    ("Show the Kubernetes clusters", _op("eks")),
    ("Which SNS topics do we have?", _op("sns")),
    ("List queues", _op("sqs")),
    ("Show DynamoDB tables", _op("dynamodb")),
    ("What hosted zones are there in Route 53?", _op("route53")),
    ("List REST APIs", _op("apigateway")),
    ("What is our sending quota?", _op("ses")),
    ("Which foundation models are available?", _op("bedrock")),
    ("Show SageMaker training jobs", _op("sagemaker")),
    ("security groups in eu-west-1 please", _op("ec2")),
    ("what objects are in the bucket reports-2024?", _op("s3")),
    ("Update account 777's email to bob@example.com", "accounts___change_email"),
    ("give me the email of account 99", "accounts___get_email"),
    ("What is the weather in Paris?", ""),
    ("Write me a poem about the sea", ""),
    ("Delete the bucket reports", ""),
    ("Terminate instance i-0abc123", ""),
    ("Create an IAM user named bob", ""),
    ("Who won the world cup in 1998?", ""),
    ("Tell me a joke", ""),
    ("Reboot the database", ""),
)

HELD_OUT: tuple[tuple[str, str], ...] = (
    ("Could you look up the email address of account 4711?", "accounts___get_email"),
    ("Please set the email of account 4711 to jane.doe@example.org", "accounts___change_email"),
    ("I'd like to see the chart of accounts", "accounts___get_chart"),
    ("Do we have running instances in eu-central-1?", _op("ec2")),
    ("show volumes", _op("ec2")),
    ("which VPCs are in us-west-2", _op("ec2")),
    ("Is versioning on for my bucket?", _op("s3")),
    ("tell me the current time", "aws___get_time"),
    ("hello there", "aws___hello_world"),
    ("How many lambda functions are deployed?", _op("lambda")),
    ("What layers do our functions use?", _op("lambda")),
    ("Recent events of the stack network", _op("cloudformation")),
    ("list the policies", _op("iam")),
    ("Show me database snapshots", _op("rds")),
    ("which alarms are firing", _op("cloudwatch")),
    ("show log groups", _op("cloudwatch")),
    ("What will our bill be? Give me a cost forecast", _op("cost_explorer")),
    ("Which tasks are running in ECS?", _op("ecs")),
    ("node groups of the cluster prod", _op("eks")),
    ("Who is subscribed? list subscriptions", _op("sns")),
    ("How deep is the orders queue?", _op("sqs")),
    ("describe the table customers", _op("dynamodb")),
    ("DNS records for example.com", _op("route53")),
    ("stages of our API gateway", _op("apigateway")),
    ("verified identities in SES", _op("ses")),
    ("Do we have guardrails?", _op("bedrock")),
    ("notebook instances", _op("sagemaker")),
    ("list machine learning endpoints", _op("sagemaker")),
    ("What is the capital of France?", ""),
    ("Translate good morning into Thai", ""),
    ("Stop all instances in us-east-1", ""),
    ("Give bob admin rights", ""),
    ("Rename my stack to blue", ""),
    ("Remove the table customers", ""),
    ("Book a flight to Rome", ""),
    ("Send an email to alice@example.com", ""),
)
