/** Lengths of time, and when to ask again what is shown; all in milliseconds, by our own clock. */
export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR, WEEK = 7 * DAY;

const SPREAD = 10 * SECOND; // many owners may wait for the same instant
const SHORTEST = 5 * SECOND, LONGEST = 10 * MINUTE;

/** A pause in proportion to how long something has been wrong already; luck, from 0 to 1, keeps owners apart. */
const patience = (age: number, luck: number): number => Math.min(Math.max(age / 4, SHORTEST), LONGEST) * (1 + luck);

/** An instant at which something shown changes: asked for once it has passed, and again where the answer has not changed. */
export function afterInstant(instant: number, askedAt: number, luck: number): number {
  return askedAt < instant ? instant + luck * SPREAD : askedAt + patience(askedAt - instant, luck);
}

/** After a failure; the service may have named a time. */
export function afterFailure(since: number, retryAt: number, askedAt: number, luck: number): number {
  return Math.max(askedAt + patience(askedAt - since, luck), retryAt + luck * SPREAD);
}

/** While an extension runs: it may be ended early, which no instant announces. */
export const afterAnswer = (askedAt: number, luck: number): number => askedAt + LONGEST * (1 + luck);
