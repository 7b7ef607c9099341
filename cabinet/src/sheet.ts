/** The window: an offer to decide on, an extension's parameters, or why there is neither. */
import type { Extension, Offer } from './client';
import { type Child, h } from './dom';
import { ahead, button, contact, counter, counts, gain, number, time } from './parts';
import { type Acts, type Scene, type Sheet, stateOf, why } from './scene';
import { MINUTE } from './speech';
import { BOTH, fill } from './texts';

/** What was granted, told to the one who asked: to whom it is new that another owner was faster. */
export function announcement({ say, now, me }: Scene, { row }: Sheet, extension: Extension): string {
  const { granted_by, granted_at, ends_at } = extension;
  const name = `\u2068${row.tariff.name}\u2069`;
  const moment = (iso: string) => time(say, iso, extension).textContent ?? '';
  if (granted_by === me) return fill(say.text.granted, name, moment(ends_at));
  const when = now - Date.parse(granted_at) < 2 * MINUTE ? say.text.justNow : moment(granted_at);
  return fill(say.text.byOther, granted_by, when, name, moment(ends_at));
}

interface Parts { heading: string; content: Child[]; status: string[]; warn: boolean; actions: Child[] }

export function sheet(scene: Scene, view: Sheet, acts: Acts): Parts {
  const { say: { text }, say, data } = scene;
  const { row, offer, problem, before, busy, extension } = view;
  const refused = problem && !problem.passing ? problem : undefined;
  const running = extension && stateOf(extension, scene.now) === 'active';
  const asks = !refused && !extension;
  const deciding = !!busy && !!offer;
  const off: Record<string, boolean> = deciding ? { 'aria-disabled': true } : {};
  return {
    heading: asks ? text.offer : refused && !running ? why(scene.say, refused)[0] : text.details,
    content: [
      h('p.muted.subject', h('bdi', row.tariff.name), ' · ', number(say, row)),
      refused && h('p', running ? announcement(scene, view, extension) : why(scene.say, refused)[1]),
      asks && offer ? terms(scene, offer) : extension && parameters(scene, extension),
      refused && contact(say, refused.brought.servicing_organization ?? data?.account.servicing_organization),
    ],
    status: status(scene, view, asks),
    warn: !!(before ?? problem),
    actions: [
      asks && (offer ?? problem) && button('confirm', 'primary', acts.confirm, deciding ? text.extending : problem ? text.retry : text.extend, off),
      button('close', 'plain', acts.close, asks ? text.cancel : text.close, off),
    ],
  };
}

/** Said below the terms, and to a screen reader. */
function status(scene: Scene, { before, problem, sent, busy, offer }: Sheet, asks: boolean): string[] {
  const { say: { text }, say } = scene;
  if (before) {
    const terms = [...counts(say, before), say.duration(before.duration)];
    return [text.changed, `${text.before}: ${terms.join(', ')}.`];
  }
  if (asks && problem) return [`${why(scene.say, problem)[0]}. ${sent ? text.unsure : why(scene.say, problem)[1]}`];
  return busy && !offer ? [text.loading] : [];
}

const facts = (...pairs: (Child[] | false)[]): HTMLElement => h('dl.facts', pairs.filter((pair) => !!pair).map(([name, ...value]) => h('div', h('dt', name), h('dd', value))));

function terms(scene: Scene, { terms, limits_before, limits_after, ends_at_if_accepted_now }: Offer): Child {
  const { say: { text }, say } = scene;
  return [gain(say, terms), facts(
    ...BOTH.map((what) => {
      const a = say.number(limits_before[what].total), b = say.number(limits_after[what].total);
      return [text[what], a === b ? a : [`${a} → `, h('b.extra', b)]];
    }),
    [text.until, time(say, ends_at_if_accepted_now)],
  ), ahead(scene, limits_after), h('ul.muted.small', text.notes.map((note) => h('li', note)))];
}

function parameters(scene: Scene, extension: Extension): Child {
  const { say: { text }, say, now, me } = scene;
  const { terms, granted_at, granted_by, ends_at, revoked_at } = extension;
  const runs = stateOf(extension, now) === 'active';
  return [gain(say, terms), facts(
    [text.grantedAt, time(say, granted_at, extension)],
    [text.grantedBy, h('bdi', granted_by), granted_by === me && ` (${text.you})`],
    [runs ? text.active : text.ended, time(say, ends_at, extension), runs && counter(scene, ends_at)],
    !runs && [text.revokedAt, revoked_at ? time(say, revoked_at, extension) : text.notRevoked],
  )];
}
