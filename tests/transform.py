"""Print template.yaml as SAM hands it to CloudFormation; runs in the environment of the SAM CLI.

Arguments: the version of the layer's code, then parameters as NAME=VALUE.
"""

import json
import sys
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

POLICIES = ["AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole", "AWSCodeDeployRoleForLambda"]

layer, *parameters = sys.argv[1:]
source = yaml_parse((Path(__file__).parent.parent / "template.yaml").read_text())
for resource in source["Resources"].values():
    for uri in ("CodeUri", "ContentUri"):
        if uri in resource["Properties"]:
            version = layer if uri == "ContentUri" else ""
            resource["Properties"][uri] = f"s3://bucket/{resource['Properties'][uri]}{version}"
policies = {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in POLICIES}
translator = Translator(policies, Parser(), None, boto3.Session(region_name="eu-central-1"))
print(json.dumps(translator.translate(source, dict(p.split("=", 1) for p in parameters))["Resources"]))
