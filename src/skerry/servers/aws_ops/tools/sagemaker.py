"""`sagemaker_read_operations`: models, endpoints, jobs, notebooks, pipelines.

Environment variables of containers may hold secrets and are never shown.
"""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Missing, Operation, Paging, ServiceTool, member

_PAGES = Paging(maximum=100)
_NAMED = {"name_contains": member("NameContains")}
_WITH_STATUS = {**_NAMED, "status": member("StatusEquals")}
_WHEN = "created: CreationTime, changed: LastModifiedTime"
_NEWEST = {"SortBy": "CreationTime", "SortOrder": "Descending"}


def _job(kind: str) -> str:
    """The fields that the lists of all kinds of jobs share."""
    return (
        f"{kind}JobSummaries[].{{name: {kind}JobName, status: {kind}JobStatus, created: CreationTime, "
        f"ended: {kind}EndTime}}"
    )


TOOL = ServiceTool(
    name="sagemaker_read_operations",
    title="SageMaker: read",
    service="sagemaker",
    subject="Reads Amazon SageMaker AI (machine learning): models, endpoints, training, processing, "
    "transform and tuning jobs, notebook instances, pipelines, domains, model packages, experiments.",
    operations=(
        Operation(
            name="list_models",
            summary="models by name and age",
            api="ListModels",
            items="Models[].{name: ModelName, created: CreationTime}",
            sends=_NAMED,
            paging=_PAGES,
        ),
        Operation(
            name="describe_model",
            summary="one model: image, data, role, network",
            api="DescribeModel",
            items="[{name: ModelName, arn: ModelArn, "
            "containers: [[PrimaryContainer], Containers][][].{image: Image, data: ModelDataUrl, "
            "package: ModelPackageName}, role: ExecutionRoleArn, subnets: VpcConfig.Subnets, "
            "isolated: EnableNetworkIsolation, created: CreationTime}]",
            sends={"name": member("ModelName")},
            requires=("name",),
        ),
        Operation(
            name="list_endpoints",
            summary="endpoints with status",
            api="ListEndpoints",
            items=f"Endpoints[].{{name: EndpointName, status: EndpointStatus, {_WHEN}}}",
            sends=_WITH_STATUS,
            always=_NEWEST,
            paging=_PAGES,
        ),
        Operation(
            name="describe_endpoint",
            summary="one endpoint: configuration, variants, instances, why it failed",
            api="DescribeEndpoint",
            items="[{name: EndpointName, arn: EndpointArn, status: EndpointStatus, "
            "configuration: EndpointConfigName, failure: FailureReason, "
            "variants: ProductionVariants[].{name: VariantName, instances: CurrentInstanceCount, "
            f"wanted: DesiredInstanceCount, weight: CurrentWeight}}, {_WHEN}}}]",
            sends={"name": member("EndpointName")},
            requires=("name",),
        ),
        Operation(
            name="list_endpoint_configs",
            summary="endpoint configurations by name and age",
            api="ListEndpointConfigs",
            items="EndpointConfigs[].{name: EndpointConfigName, created: CreationTime}",
            sends=_NAMED,
            paging=_PAGES,
        ),
        Operation(
            name="describe_endpoint_config",
            summary="one endpoint configuration: models, instance types and counts",
            api="DescribeEndpointConfig",
            items="[{name: EndpointConfigName, variants: ProductionVariants[].{name: VariantName, "
            "model: ModelName, type: InstanceType, instances: InitialInstanceCount, "
            "serverless: ServerlessConfig}, key: KmsKeyId, created: CreationTime}]",
            sends={"name": member("EndpointConfigName")},
            requires=("name",),
        ),
        Operation(
            name="list_training_jobs",
            summary="training jobs with status, newest first",
            api="ListTrainingJobs",
            items=_job("Training"),
            sends=_WITH_STATUS,
            always=_NEWEST,
            paging=_PAGES,
        ),
        Operation(
            name="describe_training_job",
            summary="one training job: status, why it failed, instances, input and output, metrics",
            api="DescribeTrainingJob",
            items="[{name: TrainingJobName, arn: TrainingJobArn, status: TrainingJobStatus, "
            "detail: SecondaryStatus, failure: FailureReason, image: AlgorithmSpecification.TrainingImage, "
            "type: ResourceConfig.InstanceType, instances: ResourceConfig.InstanceCount, "
            "artifacts: ModelArtifacts.S3ModelArtifacts, output: OutputDataConfig.S3OutputPath, "
            "role: RoleArn, billable_seconds: BillableTimeInSeconds, "
            "metrics: FinalMetricDataList[].{name: MetricName, value: Value}, created: CreationTime, "
            "started: TrainingStartTime, ended: TrainingEndTime}]",
            sends={"name": member("TrainingJobName")},
            requires=("name",),
        ),
        Operation(
            name="list_processing_jobs",
            summary="processing jobs with status, newest first",
            api="ListProcessingJobs",
            items=_job("Processing"),
            sends=_WITH_STATUS,
            always=_NEWEST,
            paging=_PAGES,
        ),
        Operation(
            name="list_transform_jobs",
            summary="batch transform jobs with status, newest first",
            api="ListTransformJobs",
            items=_job("Transform"),
            sends=_WITH_STATUS,
            always=_NEWEST,
            paging=_PAGES,
        ),
        Operation(
            name="list_tuning_jobs",
            summary="hyperparameter tuning jobs with status, newest first",
            api="ListHyperParameterTuningJobs",
            items="HyperParameterTuningJobSummaries[].{name: HyperParameterTuningJobName, "
            "status: HyperParameterTuningJobStatus, strategy: Strategy, created: CreationTime, "
            "ended: HyperParameterTuningEndTime}",
            sends=_WITH_STATUS,
            always=_NEWEST,
            paging=_PAGES,
        ),
        Operation(
            name="list_notebook_instances",
            summary="notebook instances with status and type",
            api="ListNotebookInstances",
            items="NotebookInstances[].{name: NotebookInstanceName, status: NotebookInstanceStatus, "
            f"type: InstanceType, {_WHEN}}}",
            sends=_WITH_STATUS,
            paging=_PAGES,
        ),
        Operation(
            name="describe_notebook_instance",
            summary="one notebook instance: status, type, disk, network, role",
            api="DescribeNotebookInstance",
            items="[{name: NotebookInstanceName, arn: NotebookInstanceArn, status: NotebookInstanceStatus, "
            "failure: FailureReason, type: InstanceType, volume_gib: VolumeSizeInGB, subnet: SubnetId, "
            "security_groups: SecurityGroups, internet: DirectInternetAccess, root: RootAccess, "
            f"role: RoleArn, {_WHEN}}}]",
            sends={"name": member("NotebookInstanceName")},
            requires=("name",),
        ),
        Operation(
            name="list_pipelines",
            summary="pipelines with their last run",
            api="ListPipelines",
            items="PipelineSummaries[].{name: PipelineName, shown_as: PipelineDisplayName, role: RoleArn, "
            "last_run: LastExecutionTime, created: CreationTime}",
            sends={"name_contains": member("PipelineNamePrefix")},
            paging=_PAGES,
        ),
        Operation(
            name="list_pipeline_executions",
            summary="runs of a pipeline with status and why they failed",
            api="ListPipelineExecutions",
            items="PipelineExecutionSummaries[].{arn: PipelineExecutionArn, "
            "name: PipelineExecutionDisplayName, status: PipelineExecutionStatus, "
            "failure: PipelineExecutionFailureReason, started: StartTime}",
            sends={"name": member("PipelineName")},
            requires=("name",),
            paging=_PAGES,
        ),
        Operation(
            name="list_domains",
            summary="Studio domains with status and URL",
            api="ListDomains",
            items="Domains[].{id: DomainId, name: DomainName, status: Status, url: Url, "
            "created: CreationTime}",
            paging=_PAGES,
        ),
        Operation(
            name="list_model_package_groups",
            summary="groups of the model registry",
            api="ListModelPackageGroups",
            items="ModelPackageGroupSummaryList[].{name: ModelPackageGroupName, "
            "description: ModelPackageGroupDescription, status: ModelPackageGroupStatus, "
            "created: CreationTime}",
            sends=_NAMED,
            paging=_PAGES,
        ),
        Operation(
            name="list_model_packages",
            summary="versions of a group of the model registry with approval",
            api="ListModelPackages",
            items="ModelPackageSummaryList[].{group: ModelPackageGroupName, version: ModelPackageVersion, "
            "status: ModelPackageStatus, approval: ModelApprovalStatus, "
            "description: ModelPackageDescription, created: CreationTime}",
            sends={"name": member("ModelPackageGroupName")},
            requires=("name",),
            paging=_PAGES,
        ),
        Operation(
            name="list_experiments",
            summary="experiments by name and age",
            api="ListExperiments",
            items=f"ExperimentSummaries[].{{name: ExperimentName, shown_as: DisplayName, {_WHEN}}}",
            paging=_PAGES,
        ),
    ),
    parameters=(
        Parameter(
            name="name",
            description="The name of one model, endpoint, configuration, job, notebook instance, pipeline or "
            "model package group.",
            max_length=256,
        ),
        Parameter(
            name="name_contains",
            description="Only what has this text in its name; pipelines begin with it.",
            max_length=63,
        ),
        Parameter(
            name="status",
            description="Only what is in this state: jobs are Completed or InProgress, endpoints and "
            "notebook instances InService.",
            one_of=(
                *("InProgress", "Completed", "Failed", "Stopping", "Stopped", "InService", "Creating"),
                *("Updating", "Deleting", "Pending", "OutOfService", "RollingBack", "SystemUpdating"),
            ),
        ),
    ),
    missing=tuple(
        Missing(
            code=code,
            says=says,
            hint="Check the name and the region; the list operations show what there is.",
        )
        for code, says in (
            ("ValidationException", "Could not find"),
            ("ValidationException", "not found"),
            ("ValidationException", "RecordNotFound"),
            ("ResourceNotFound", ""),
        )
    ),
)
