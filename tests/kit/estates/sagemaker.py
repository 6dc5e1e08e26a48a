from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ROLE = "arn:aws:iam::123456789012:role/sagemaker"
_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/churn:1"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """A model behind an endpoint, jobs of every kind, a notebook, a pipeline that ran, a registry."""
    sagemaker = client("sagemaker")
    sagemaker.create_model(
        ModelName="churn",
        ExecutionRoleArn=_ROLE,
        PrimaryContainer={
            "Image": _IMAGE,
            "ModelDataUrl": "s3://models/churn.tar.gz",
            "Environment": {"TOKEN": "must-not-show"},
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="churn-config",
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": "churn",
                "InitialInstanceCount": 2,
                "InstanceType": "ml.m5.large",
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName="churn-live", EndpointConfigName="churn-config")
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
    for number in range(5):
        sagemaker.create_training_job(
            TrainingJobName=f"churn-{number}",
            AlgorithmSpecification={"TrainingImage": _IMAGE, "TrainingInputMode": "File"},
            RoleArn=_ROLE,
            Environment={"TOKEN": "must-not-show"},
            OutputDataConfig={"S3OutputPath": "s3://models/out"},
            ResourceConfig=cluster,
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
    sagemaker.create_processing_job(
        ProcessingJobName="clean",
        ProcessingResources={"ClusterConfig": cluster},
        AppSpecification={"ImageUri": _IMAGE},
        RoleArn=_ROLE,
    )
    sagemaker.create_transform_job(
        TransformJobName="score",
        ModelName="churn",
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://in"}}},
        TransformOutput={"S3OutputPath": "s3://out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tune",
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        },
    )
    for name in ("lab", "sandbox"):
        sagemaker.create_notebook_instance(
            NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=_ROLE
        )
    sagemaker.stop_notebook_instance(NotebookInstanceName="sandbox")
    sagemaker.create_pipeline(
        PipelineName="nightly",
        PipelineDefinition='{"Version": "2020-12-01", "Steps": []}',
        RoleArn=_ROLE,
        ClientRequestToken="x" * 32,
    )
    sagemaker.start_pipeline_execution(
        PipelineName="nightly", PipelineExecutionDisplayName="first", ClientRequestToken="x" * 32
    )
    sagemaker.create_domain(
        DomainName="studio",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": _ROLE},
        SubnetIds=["subnet-0a1b2c3d"],
        VpcId="vpc-0a1b2c3d",
    )
    sagemaker.create_model_package_group(
        ModelPackageGroupName="churn", ModelPackageGroupDescription="who leaves"
    )
    sagemaker.create_model_package(
        ModelPackageGroupName="churn", ModelPackageDescription="first", ModelApprovalStatus="Approved"
    )
    sagemaker.create_experiment(ExperimentName="features")
    return {}
