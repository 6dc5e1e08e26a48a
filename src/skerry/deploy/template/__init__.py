"""A declaration as a CloudFormation template: no I/O, the same input gives the same bytes.

Property names are those of AWS's registry schemas of the `AWS::BedrockAgentCore::*` types.
"""
