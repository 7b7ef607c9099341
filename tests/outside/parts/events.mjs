// Posts of the webhook on standard input, [{"headers", "body"}], received by the CloudEvents SDK for JavaScript.
import { readFileSync } from "node:fs";
import { HTTP } from "cloudevents";

const events = JSON.parse(readFileSync(0)).map((post) => HTTP.toEvent(post));
console.log(
  JSON.stringify(
    events.map((event) => (event.validate(), { id: event.id, type: event.type, subject: event.subject, data: event.data })),
  ),
);
