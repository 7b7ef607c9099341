"""The imports of a usual handler: the resource API, all three of Powertools' helpers, a validating resolver."""

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel

table = boto3.resource("dynamodb").Table("bench")
logger = Logger()
tracer = Tracer(disabled=True)
metrics = Metrics(namespace="bench")
app = APIGatewayHttpResolver(enable_validation=True)


class Body(BaseModel):
    offer_id: str


class Answer(BaseModel):
    created: bool


@app.post("/accounts/<account_id>/subscriptions/<subscription_id>/extension")
def extend(account_id: str, subscription_id: str, body: Body) -> Answer:
    return Answer(created=False)
