/** The page as text, to be sent to somebody. */
import { BOTH, type Extension, type Limits, endOf } from '../answers';
import type { Texts } from '../en';
import { leaves, usage } from '../limits';
import { idle, time, until } from '../parts';
import type { Scene } from '../scene';
import { fill } from '../texts';
import { TEXTS } from './texts';

export function summary({ say, data, now }: Scene): string {
  const text = TEXTS[say.lang], { text: common } = say;
  if (!data) return '';
  const { account: { id, name, servicing_organization }, limits, subscriptions } = data;
  const { used_at, next_change_at, after_change } = limits;
  const moment = (iso: string, extension?: Extension) => time(say, iso, extension).textContent;
  const contact = Object.values(servicing_organization ?? {}).filter(Boolean).join(', ');
  return [
    `${text.account}: ${[name, id].filter(Boolean).join(', ')}`,
    `${text.asOf} ${moment(new Date(now).toISOString())}`,
    '',
    ...BOTH.map((what) => `${common[what]}: ${allowed(common, limits[what])}${used(usage(say, limits[what]))}${limits[what].over ? `; ${fill(common.noNew[what], '', common.noNow)}` : ''}`),
    used_at ? `${common.usedAt} ${moment(used_at)}` : common.unknown,
    '',
    ...subscriptions.flatMap(({ tariff, number, extension }) => ('granted_at' in extension
      ? [[`«${tariff.name}», ${common.no} ${number}: ${until(say, extension, now)} ${moment(endOf(extension), extension)}`, idle(say, data, extension, now)].filter(Boolean).join('. ')] : [])),
    ...next_change_at && after_change ? [`${fill(common.after, say.soon(next_change_at, now))}:`, ...leaves(say, limits).map((line) => `– ${line}`)] : [],
    ...contact ? ['', `${text.contact}: ${contact}`] : [],
  ].join('\n');
}

/** 2 по тарифу + 2 по расширению; */
function allowed(text: Texts, { base, extra, total }: Limits['sessions']): string {
  return total == null ? '' : `${base ?? 0} ${text.base}${extra ? ` + ${extra} ${text.extra}` : ''}; `;
}

/** занято 5 из 9, свободно 4 */
const used = ([lead, sum, rest]: [string, string, string]): string => [lead && `${lead} ${sum}` || sum, rest].filter(Boolean).join(', ');
