/** The HTTP API: tokens, failures, and the service's clock. */
import type { Extension, Offer, Organization } from './answers';
import { HOUR, SECOND } from './when';

export type GetToken = (options: { refresh: boolean }) => Promise<string> | string;

/** A refusal's further fields. */
interface Brought { code?: string; extension?: Extension; offer?: Offer; servicing_organization?: Organization | null }

/** Failures that a retry may cure: they take nothing off the screen. */
const PASSING = ['offline', 'unavailable', 'signed_out', 'unclear'];

/** Why there is no answer: a code of the API, or what the network or the sign-in did. */
export class Problem extends Error {
  readonly passing: boolean;

  /** Nothing should be asked by itself before retryAt, an instant of our own clock. */
  constructor(readonly code: string, readonly brought: Brought = {}, readonly retryAt = 0) {
    super(code);
    this.passing = PASSING.includes(code);
  }
}

/** Of whatever was thrown: what is no Problem comes of an answer of another shape. */
export const failure = (error: unknown): Problem => (error instanceof Problem ? error : new Problem('unclear'));

/** Without an answer: a TypeError says that nothing was reached. */
const silence = (error: unknown): Problem => new Problem((error as Error).name === 'TypeError' ? 'offline' : 'unavailable');

/** Speaks for one signed-in user. */
export class Client {
  #asked: Promise<string> | null = null;
  #token: string | null = null;
  #doubted = false; // the token has been asked for anew since the last answer
  #skew = 0; // the service's clock minus ours

  constructor(readonly getToken: GetToken) {}

  /** The service's time, as far as it is known. */
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

  /** Asks the page for a token: two that cannot be read are of one user only if they are equal. */
  async speaksFor(other: Client): Promise<boolean> {
    const token = await this.#sign(false).catch(() => null);
    return !!token && (token === other.#token || !!this.user && this.user === other.user);
  }

  /** The JSON of an answer; throws a Problem where there is none. */
  async call<Answer>(method: string, url: string, body?: object): Promise<Answer> {
    for (let refresh = false; ; refresh = true) {
      const token = await this.#sign(refresh).catch((error: unknown) => { throw silence(error); });
      let response;
      try {
        response = await fetch(url, {
          method, credentials: 'omit', signal: AbortSignal.timeout(30 * SECOND),
          headers: { Authorization: `Bearer ${token}`, ...body && { 'Content-Type': 'application/json' } },
          ...body && { body: JSON.stringify(body) },
        });
      } catch (error) {
        const problem = silence(error);
        // On another origin it may be the gateway's 401: that one has no CORS header, so the page may not see it.
        if (problem.code !== 'offline' || refresh || this.#doubted || new URL(url, document.baseURI).origin === location.origin) throw problem;
        this.#doubted = true;
        continue;
      }
      this.#doubted = false;
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

  /** The page's token, asked for once until it is refused. */
  #sign(refresh: boolean): Promise<string> {
    if (refresh || !this.#asked) {
      const asked = this.#asked = (async () => this.getToken({ refresh }))();
      asked.then((token) => { this.#token = token; }, () => {
        if (this.#asked === asked) this.#asked = null;
      });
    }
    return this.#asked;
  }

  /** Milliseconds that a Retry-After asks for: it holds seconds or a date. */
  #after(value: string | null): number {
    const wait = Number(value) * SECOND || Date.parse(value ?? '') - this.now || 0;
    return Math.min(Math.max(wait, 0), HOUR);
  }
}
