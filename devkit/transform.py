"""template.yaml as SAM hands it to CloudFormation; runs in the environment of the SAM CLI.

For each line on stdin one on stdout, both in JSON: the region, the version of the layer's code, then parameters as
NAME=VALUE; and the template.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.arn_generator import ArnGenerator
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

POLICIES = ["AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole", "AWSCodeDeployRoleForLambda"]


def transformed(region: str, layer: str, *parameters: str) -> dict[str, Any]:
    source = yaml_parse((Path(__file__).parents[1] / "template.yaml").read_text())
    for resource in source["Resources"].values():
        for uri in ("CodeUri", "ContentUri"):
            if uri in resource["Properties"]:
                version = layer if uri == "ContentUri" else ""
                resource["Properties"][uri] = f"s3://bucket/{resource['Properties'][uri]}{version}"
    values = {name: of["Default"] for name, of in source["Parameters"].items() if "Default" in of}
    values |= dict(parameter.split("=", 1) for parameter in parameters)
    for name, of in source["Parameters"].items():
        if of["Type"] == "CommaDelimitedList":  # CloudFormation has made a list of it before SAM sees it.
            values[name] = values[name].split(",")
    partition = ArnGenerator.get_partition_name(region)
    policies = {name: f"arn:{partition}:iam::aws:policy/service-role/{name}" for name in POLICIES}
    translator = Translator(policies, Parser(), None, boto3.Session(region_name=region))
    made: dict[str, Any] = translator.translate(source, values)
    return made


for line in sys.stdin:
    print(json.dumps(transformed(*json.loads(line))), flush=True)
