"""The account that is deployed to: whose it is, its bucket for packages, its stacks. By botocore."""
