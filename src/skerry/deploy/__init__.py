"""`skerry deploy`: the resources that a skerry.toml declares, on AWS.

`template/` is pure: a declaration and the files that it names become a CloudFormation template. `package/`
makes code packages, `account/` talks to AWS, and the rest are the commands.
"""
