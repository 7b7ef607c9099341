/** The API's answers, and what follows from them later by the clock. */
import type { components } from './api';

type Schemas = components['schemas'];
export type What = 'sessions' | 'databases';
export const BOTH: readonly What[] = ['sessions', 'databases'];

export type Terms = Schemas['Terms'];
export type Organization = Schemas['ServicingOrganization'];
/** Fields that an API of an earlier version does not send are optional. */
export type Limit = Schemas['Limit'] & { used?: number | null; over?: number | null };
export type Limits = Schemas['Limits'] & Record<What, Limit> & {
  used_at?: string | null;
  after_change?: Record<What, Pick<Limit, 'total' | 'over'>> | null;
};
export type Extension = Schemas['Extension'] & { counts?: boolean };
interface Period { starts_at: string; ends_at: string | null; tariff: Schemas['Tariff']; limits: Schemas['TariffLimits'] }
export type Row = Omit<Schemas['Subscription'], 'ends_at' | 'extension'> & Pick<Period, 'ends_at'> & {
  next_period?: Period | null;
  extension: Schemas['Available'] | Schemas['Unavailable'] | Extension;
};
export type List = Omit<Schemas['SubscriptionList'], 'subscriptions'> & { limits: Limits; subscriptions: Row[] };
export type Offer = Schemas['Offer'] & { limits_after: Limits };
export type Extended = Schemas['Extended'];
/** An extension of any period, as the history has it. */
export type Past = Schemas['PastExtension'] & { granted_by_name?: string | null };

type AnyExtension = Row['extension'];
type Ended = Pick<Extension, 'ends_at' | 'revoked_at'>;

export const granted = (extension: AnyExtension | undefined): extension is Extension => !!extension && 'granted_at' in extension;

export const endedEarly = ({ ends_at, revoked_at }: Ended): boolean => !!revoked_at && Date.parse(revoked_at) < Date.parse(ends_at);

/** The instant at which it ends, or ended. */
export const endOf = (extension: Ended): string => (endedEarly(extension) ? extension.revoked_at! : extension.ends_at);

export function stateOf(extension: AnyExtension, now: number): AnyExtension['state'] {
  return extension.state === 'active' && Date.parse(endOf(extension)) <= now ? 'used' : extension.state;
}

/** The limits once their next change has come: what it leaves was announced, the next answer says where that comes from. */
export function limitsAt(limits: Limits, now: number): Limits {
  const { next_change_at: at, after_change: after } = limits;
  if (!at || !after || Date.parse(at) > now) return limits;
  const left = (what: What): Limit => ({ ...limits[what], base: after[what].total, extra: 0, ...after[what] });
  return { ...limits, sessions: left('sessions'), databases: left('databases'), next_change_at: null, after_change: null };
}

/** A running extension counts while a main or prolonging subscription is active: alone it gives no access. */
export function counts({ subscriptions, next_token }: List, extension: { counts?: boolean }, now: number): boolean {
  return extension.counts !== false && (!!next_token || subscriptions.some(({ kind, starts_at, ends_at, next_period }) => (
    kind !== 'add_on' && Date.parse(starts_at) <= now && (!ends_at || Date.parse(ends_at) > now || !!next_period))));
}
