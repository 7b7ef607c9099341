/** The HTTP API: tokens, failures, and the service's clock. */
import type { components } from './api';
import { HOUR, SECOND } from './speech';
import type { What } from './texts';

type Schemas = components['schemas'];
export type Row = Schemas['Subscription'];
export type Extension = Schemas['Extension'];
export type Terms = Schemas['Terms'];
export type Extended = Schemas['Extended'];
export type Organization = Schemas['ServicingOrganization'];
/** What an API of an earlier version does not tell is optional here: usage that is not known. */
export type Limit = Schemas['Limit'] & { used?: number | null; over?: number | null };
export type Limits = Schemas['Limits'] & Record<What, Limit> & {
  used_at?: string | null;
  after_change?: Record<What, Pick<Limit, 'total' | 'over'>> | null;
};
export type List = Schemas['SubscriptionList'] & { limits: Limits };
export type Offer = Schemas['Offer'] & { limits_after: Limits };
export type GetToken = (options: { refresh: boolean }) => Promise<string> | string;

/** What a refusal brings along. */
interface Brought { code?: string; extension?: Extension; offer?: Offer; servicing_organization?: Organization | null }

/** Failures that a retry may cure: they take nothing off the screen. */
const PASSING = ['offline', 'unavailable', 'signed_out'];

/** Why there is no answer: a code of the API, or what the network or the sign-in did. */
export class Problem extends Error {
  readonly passing: boolean;

  /** Nothing should be asked by itself before retryAt, an instant of our own clock. */
  constructor(readonly code: string, readonly brought: Brought = {}, readonly retryAt = 0) {
    super(code);
    this.passing = PASSING.includes(code);
  }
}

/** Of whatever was thrown: an answer of another shape is none. */
export const failure = (error: unknown): Problem => (error instanceof Problem ? error : new Problem('unavailable'));

/** Speaks for one signed-in user. */
export class Client {
  #token: string | null = null;
  #skew = 0; // the service's clock minus ours

  constructor(readonly getToken: GetToken) {}

  /** The service's time, as far as it tells. */
  get now(): number { return Date.now() + this.#skew; }

  /** The user's id, only to say "you": an opaque token is no error. */
  get user(): string | null {
    try {
      const claims = this.#token?.split('.')[1] ?? '';
      return (JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))) as { sub: string }).sub;
    } catch {
      return null;
    }
  }

  /** The JSON of an answer; throws a Problem where there is none. */
  async call<Answer>(method: string, url: string, body?: object): Promise<Answer> {
    for (let refresh = false; ; refresh = true) {
      let response;
      try {
        if (refresh || !this.#token) this.#token = await this.getToken({ refresh });
        response = await fetch(url, {
          method, credentials: 'omit', signal: AbortSignal.timeout(30 * SECOND),
          headers: { Authorization: `Bearer ${this.#token}`, ...body && { 'Content-Type': 'application/json' } },
          ...body && { body: JSON.stringify(body) },
        });
      } catch (error) { // a TypeError: nothing was reached
        throw new Problem((error as Error).name === 'TypeError' ? 'offline' : 'unavailable');
      }
      const { ok, status, headers } = response;
      if (status === 401 && !refresh) continue;
      const skew = Date.parse(headers.get('Date') ?? '') - Date.now();
      this.#skew = Math.abs(skew) > 2 * SECOND ? skew : 0;
      const answer = await response.json().catch(() => null) as (Answer & Brought) | null;
      if (ok && answer) return answer;
      if (status === 401) throw new Problem('signed_out');
      if (ok || status === 429 || status > 499) throw new Problem('unavailable', {}, Date.now() + this.#after(headers.get('Retry-After')));
      throw new Problem(answer?.code ?? String(status), answer ?? {});
    }
  }

  /** Milliseconds that a Retry-After asks for: it holds seconds or a date. */
  #after(value: string | null): number {
    const wait = Number(value) * SECOND || Date.parse(value ?? '') - this.now || 0;
    return Math.min(Math.max(wait, 0), HOUR);
  }
}
