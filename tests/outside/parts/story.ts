// The story by a client that openapi-generator made for TypeScript; prints what it met.
import { Configuration, type Entry, ExtendingApi, MachinesApi, ResponseError } from "./client/index.ts";

const { URL: basePath = "", OWNER = "", MACHINE = "", ACCOUNT: accountId = "" } = process.env;
const machines = new MachinesApi(new Configuration({ basePath, accessToken: MACHINE }));
const owner = new ExtendingApi(new Configuration({ basePath, accessToken: OWNER }));

async function refused(call: Promise<unknown>): Promise<Response> {
  const error: unknown = await call.then(() => undefined, (reason: unknown) => reason);
  if (error instanceof ResponseError) return error.response;
  throw new Error(`not refused: ${error}`);
}

const changedAt = new Date("2026-11-01T00:00:00Z");
const account = { accountId, changedAt, name: "ООО «Ива»", timeZone: "Europe/Moscow", servicingOrganization: { phone: "+7 495 000-00-00" } };
const changes: Entry[] = [
  { detailType: "AccountChanged", detail: account },
  { detailType: "MemberChanged", detail: { accountId, userId: `U-${accountId}`, role: "owner", name: "Анна Петрова", changedAt } },
  {
    detailType: "SubscriptionChanged",
    detail: {
      accountId,
      subscriptionId: "S-1",
      number: "000000900",
      kind: "main",
      parentId: null,
      tariff: { id: "basic", name: "Базовый" },
      startsAt: new Date("2026-01-01T00:00:00Z"),
      endsAt: null,
      limits: { sessions: 2, databases: null },
      extensionTerms: { sessions: 2, databases: 8, duration: "P7D" },
      changedAt,
    },
  },
  { detailType: "UsageChanged", detail: { accountId, sessions: 1, databases: 1, changedAt } },
  { detailType: "SubscriptionRemoved", detail: { accountId, subscriptionId: "S-9", changedAt } },
  { detailType: "AccountRemoved", detail: { accountId: `${accountId}-gone`, changedAt } },
];
const { results } = await machines.storeChanges({ changes: { changes } });

const one = { accountId, subscriptionId: "S-1" };
const list = await owner.listSubscriptions({ accountId });
const { offerId } = await owner.offerExtension(one);
const extended = await owner.extendSubscription({ ...one, acceptance: { offerId } });
const conflict = await (await refused(owner.offerExtension(one))).json();
const limits = await machines.accountLimitsRaw({ accountId });
const { sessions, databases } = (await limits.value()).limits;
const ifNoneMatch = limits.raw.headers.get("etag") ?? "";
const unchanged = await refused(machines.accountLimits({ accountId, ifNoneMatch }));
const expired = await machines.expireExtension({ accountId, extensionId: extended.extension.id });
const history = await owner.listExtensions({ accountId });
const nobody = new ExtendingApi(new Configuration({ basePath, accessToken: "nobody" }));
const unauthorized = await (await refused(nobody.listSubscriptions({ accountId }))).json();
const long = changes.map(() => ({ detailType: "AccountChanged", detail: { ...account, timeZone: "x".repeat(200_000) } }) as const);
const tooLarge = await (await refused(machines.storeChanges({ changes: { changes: long } }))).json();

console.log(
  JSON.stringify({
    results: results.map((each) => each.result),
    row: list.subscriptions[0]?.extension.state,
    created: extended.created,
    conflict: [conflict.code, conflict.extension.id === extended.extension.id],
    sessions: sessions.total,
    databases: databases.total,
    unchanged: unchanged.status,
    expired: expired.expired,
    history: [history.extensions[0]?.state, history.extensions[0]?.grantedByName],
    unauthorized: unauthorized.message,
    too_large: tooLarge.code,
  }),
);
