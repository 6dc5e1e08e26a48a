"""`bedrock_read_operations`: which models there are and how they may be used; never a prompt or an answer."""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Item, Missing, Operation, Paging, ServiceTool, member
from skerry.servers.aws_ops.filters import contains, equals

_PAGES = Paging(size="maxResults", maximum=1000, cursor="nextToken", next="nextToken")
_MODEL = (
    "id: modelId, name: modelName, provider: providerName, inputs: inputModalities, "
    "outputs: outputModalities, inference: inferenceTypesSupported, "
    "customization: customizationsSupported, streaming: responseStreamingSupported, "
    "status: modelLifecycle.status"
)
_PROFILE = (
    "id: inferenceProfileId, name: inferenceProfileName, type: type, status: status, "
    "description: description, models: models[].modelArn, created: createdAt"
)
_THROUGHPUT = (
    "name: provisionedModelName, status: status, units: modelUnits, wanted_units: desiredModelUnits, "
    "model: foundationModelArn, commitment: commitmentDuration, until: commitmentExpirationTime, "
    "created: creationTime"
)


def _has(field: str) -> Any:
    """Whether a list of the item has the argument in it, whatever the case."""

    def keep(item: Item, value: Any) -> bool:
        return str(value).lower() in [str(part).lower() for part in item.get(field, [])]

    return keep


TOOL = ServiceTool(
    name="bedrock_read_operations",
    title="Bedrock: read",
    service="bedrock",
    subject="Reads Amazon Bedrock: foundation models by provider, inference profiles, guardrails, "
    "provisioned throughput, custom models and their training; never runs a model.",
    operations=(
        Operation(
            name="list_foundation_models",
            summary="models with provider, modalities and how they can be used",
            api="ListFoundationModels",
            items=f"modelSummaries[].{{{_MODEL}}}",
            keeps={
                "provider": equals("provider"),
                "name": contains("id", "name"),
                "modality": _has("outputs"),
                "inference": _has("inference"),
            },
        ),
        Operation(
            name="describe_foundation_model",
            summary="one model in detail",
            api="GetFoundationModel",
            items=f"[modelDetails.{{{_MODEL}, arn: modelArn}}]",
            sends={"model_id": member("modelIdentifier")},
            requires=("model_id",),
        ),
        Operation(
            name="list_inference_profiles",
            summary="profiles that route a model over regions, or track its use",
            api="ListInferenceProfiles",
            items=f"inferenceProfileSummaries[].{{{_PROFILE}}}",
            sends={"type": member("typeEquals")},
            keeps={"name": contains("id", "name")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_inference_profile",
            summary="one inference profile with its models",
            api="GetInferenceProfile",
            items=f"[{{{_PROFILE}, arn: inferenceProfileArn, changed: updatedAt}}]",
            sends={"profile_id": member("inferenceProfileIdentifier")},
            requires=("profile_id",),
        ),
        Operation(
            name="list_guardrails",
            summary="guardrails with status and version",
            api="ListGuardrails",
            items="guardrails[].{id: id, name: name, status: status, version: version, "
            "description: description, created: createdAt, changed: updatedAt}",
            keeps={"name": contains("name")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_guardrail",
            summary="one guardrail with its policies",
            api="GetGuardrail",
            items="[{id: guardrailId, name: name, status: status, version: version, "
            "description: description, topics: topicPolicy.topics[].name, "
            "filters: contentPolicy.filters[].{type: type, input: inputStrength, output: outputStrength}, "
            "words: wordPolicy.words[].text, "
            "personal_data: sensitiveInformationPolicy.piiEntities[].{type: type, action: action}, "
            "blocked_input: blockedInputMessaging, blocked_output: blockedOutputsMessaging, "
            "created: createdAt, changed: updatedAt}]",
            sends={"guardrail_id": member("guardrailIdentifier")},
            requires=("guardrail_id",),
        ),
        Operation(
            name="list_provisioned_throughputs",
            summary="reserved capacity with model, units and status",
            api="ListProvisionedModelThroughputs",
            items=f"provisionedModelSummaries[].{{{_THROUGHPUT}}}",
            sends={"status": member("statusEquals")},
            keeps={"name": contains("name")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_provisioned_throughput",
            summary="one reservation in detail",
            api="GetProvisionedModelThroughput",
            items=f"[{{{_THROUGHPUT}, arn: provisionedModelArn, failure: failureMessage}}]",
            sends={"throughput": member("provisionedModelId")},
            requires=("throughput",),
        ),
        Operation(
            name="list_custom_models",
            summary="models that the account has customized",
            api="ListCustomModels",
            items="modelSummaries[].{name: modelName, base: baseModelName, type: customizationType, "
            "status: modelStatus, created: creationTime, arn: modelArn}",
            keeps={"name": contains("name")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_custom_model",
            summary="one customized model: base, job, parameters, data, metrics",
            api="GetCustomModel",
            items="[{name: modelName, arn: modelArn, base: baseModelArn, job: jobName, "
            "type: customizationType, parameters: hyperParameters, training_data: trainingDataConfig.s3Uri, "
            "output: outputDataConfig.s3Uri, loss: trainingMetrics.trainingLoss, created: creationTime}]",
            sends={"model_id": member("modelIdentifier")},
            requires=("model_id",),
        ),
        Operation(
            name="list_customization_jobs",
            summary="jobs that customize models, with status",
            api="ListModelCustomizationJobs",
            items="modelCustomizationJobSummaries[].{name: jobName, status: status, model: customModelName, "
            "base: baseModelArn, created: creationTime, ended: endTime}",
            keeps={"name": contains("name"), "status": equals("status")},
            paging=_PAGES,
        ),
    ),
    parameters=(
        Parameter(
            name="provider", description="Only models of this provider, such as Anthropic.", max_length=64
        ),
        Parameter(name="name", description="Only what has this text in its name or id.", max_length=128),
        Parameter(
            name="modality",
            description="Only models that give this out.",
            one_of=("TEXT", "IMAGE", "EMBEDDING", "VIDEO", "SPEECH"),
        ),
        Parameter(
            name="inference",
            description="Only models that can be used like this.",
            one_of=("ON_DEMAND", "PROVISIONED", "INFERENCE_PROFILE"),
        ),
        Parameter(
            name="type",
            description="Only inference profiles of this type.",
            one_of=("SYSTEM_DEFINED", "APPLICATION"),
        ),
        Parameter(
            name="status",
            description="Only what is in this state: reservations are InService, jobs are Completed.",
            one_of=("Creating", "InService", "Updating", "InProgress", "Completed", "Failed", "Stopped"),
        ),
        Parameter(
            name="model_id",
            description="The id or ARN of a model, such as amazon.nova-lite-v1:0.",
            max_length=2048,
        ),
        Parameter(name="profile_id", description="The id or ARN of an inference profile.", max_length=2048),
        Parameter(name="guardrail_id", description="The id or ARN of a guardrail.", max_length=2048),
        Parameter(name="throughput", description="The name or ARN of a reservation.", max_length=2048),
    ),
    missing=(
        Missing(
            code="ResourceNotFoundException",
            hint="Check the id and the region; the list operations show what there is.",
        ),
    ),
)
